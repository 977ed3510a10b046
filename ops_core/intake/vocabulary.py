"""Names that columns go by in real files: English, Chinese, abbreviations.

Names are compared folded: case, blanks, underscores, hyphens, dots and brackets do not count. A word in `EXACT` is the
whole name; a word in `PART` is enough when the name contains it.
"""

from __future__ import annotations

import re
import unicodedata

_NOISE = re.compile(r"[\s_\-./\\:#()（）\[\]【】]+")

_NAMES = {
    "user_id": """
        userid uid user userkey userno usercode memberid memberno membercode member mid vipid vipno
        customerid customerno customercode customer custid custno cid clientid client buyerid buyer
        accountid account playerid player visitorid visitor deviceid openid unionid anonymousid distinctid
        personid subscriberid respondentid consumerid contactid passengerid patientid masterid useridx
        userpk usr usrid 用户id 用户编号 用户号 用户 用户标识 用户账号 会员号 会员id 会员编号 会员卡号 会员 会员账号
        客户id 客户编号 客户号 客户代码 客户 顾客id 顾客编号 顾客 买家id 买家编号 买家昵称 买家会员名 买家 账号
        账户id 玩家id 设备id 微信openid 唯一id 用户编码 会员编码 会员代码 客户编码 顾客编码 顾客号 买家旺旺 旺旺 会员名
        下单人 购买人 学员id 学员编号""",
    "event": """
        event eventname eventtype eventcode eventkey action actiontype actionname behavior behaviour
        behaviortype behaviourtype activity activityname activitytype interaction operation 事件 事件名 事件名称
        事件类型 事件编码 行为 行为类型 行为名称 行为编码 动作 动作类型 操作 操作类型 操作名称""",
    "occurred_at": """
        occurredat time timestamp ts t datetime date eventtime eventdate eventtimestamp eventts logtime
        logdate clienttime servertime happenedat actiontime actiondate behaviortime visittime visitdate
        requesttime createdat createtime createdtime createdate creationdate orderdate ordertime orderedat
        invoicedate invoicetime purchasedate purchasetime purchasedat paytime paydate paidat paidtime
        paymenttime paymentdate transactiondate transactiontime transdate txndate saledate day dt exposedat
        assignedat assignmenttime exposuretime enrolledat 日期 时间 时间戳 发生时间 行为时间 事件时间 操作时间
        访问时间 登录时间 记录时间 日志时间 下单时间 下单日期 创建时间 创建日期 订单创建时间 订单时间 订单日期
        交易时间 交易日期 支付时间 付款时间 订单付款时间 购买时间 购买日期 消费时间 消费日期 成交时间 分组时间
        曝光时间 入组时间 下单时刻 支付时刻 付款时刻 发生时刻 时刻 发生日期 消费时刻 拍下时间 付款日期 支付日期
        订单支付时间 交易创建时间 完成时间 统计时间""",
    "value": """
        value amount amt revenue total totalamount totalprice totalvalue linetotal subtotal sales
        salesamount gmv payment payamount paidamount paymentamount actualamount orderamount ordervalue
        ordertotal dollarvalue spend spent money sum netamount grossamount transactionamount purchaseamount
        eventvalue 实付金额 实付 实际支付金额 买家实际支付金额 支付金额 付款金额 成交金额 交易金额 消费金额 订单金额
        金额 总金额 销售额 收入 应付金额 总价 价值 订单总额 实收金额 实收 实付款 实付额 支付额 付款额 消费额 成交额
        交易额 付费金额 充值金额 订单实付金额 实际付款金额 实际支付 订单价格 价税合计""",
    "quantity": """
        quantity qty units numberofunits numberofitems itemcount numberofcds pieces 数量 件数 购买数量 商品数量 销量
        订购数量""",
    "unit_price": "unitprice price itemprice priceeach 单价 商品单价 价格 售价 成交单价",
    "order_id": """
        orderid orderno ordernumber ordercode invoiceno invoice invoiceid invoicenumber transactionid
        transactionno tradeid tradeno billno billid receiptno receiptid basketid 订单号 订单编号 订单id 订单 单号
        交易号 交易编号 流水号 发票号 小票号 订单编码 主订单编号 主订单号 商户订单号 交易单号 交易流水号 销售单号""",
    "event_id": """
        eventid eventuuid logid recordid messageid insertid hitid uuid 事件id 事件编号 日志id 日志编号 记录id
        记录编号 流水id""",
    "variant": """
        variant variation group arm version testgroup abgroup abtestgroup experimentgroup treatment
        treatmentgroup condition bucket testarm abversion gate cell 组别 分组 实验组 实验分组 组 版本 对照组
        测试组 策略组 实验组别 ab分组""",
    "channel": """
        channel channelname acquisitionchannel marketingchannel adchannel mediasource utmsource source 渠道 渠道名称
        投放渠道 推广渠道 获客渠道 广告渠道 来源渠道 来源 媒体""",
    "cost": """
        spend cost adspend adcost amountspent totalspend totalcost marketingspend marketingcost mediacost budgetspent
        spent 花费 消耗 费用 投放花费 投放金额 投放费用 推广费 推广费用 推广花费 广告费 广告费用 广告花费 成本
        现金消耗 实际消耗""",
    "score": """
        score rating nps npsscore csat satisfaction stars star grade surveyscore 评分 打分 分数 满意度 满意度评分
        推荐分 推荐度 推荐意愿 星级 得分""",
    "text": """
        feedback comment comments text content review reviewtext message body verbatim answer opinion 反馈 反馈内容 评价
        评价内容 评论 评论内容 内容 意见 建议 意见建议 留言 备注""",
    "experiment": """
        experiment experimentname experimentid expid expname test testname testid abtest abtestname campaign
        实验 实验名称 实验id 实验名 实验编号 测试名称""",
    "signup_at": """
        signup signupat signupdate signuptime signedupat registeredat registerdate registertime
        registrationdate registrationtime registration regdate regtime regtm userregtm joindate joinedat
        joined joindt createdat createdate firstseen firstseenat enrollmentdate membersince installdate
        installtime installedat 注册时间 注册日期 注册 入会时间 入会日期 开户日期 开户时间 加入时间 加入日期
        开卡时间 开卡日期 首次访问时间 创建时间 安装时间""",
}

EXACT: dict[str, tuple[str, ...]] = {role: tuple(names.split()) for role, names in _NAMES.items()}

# Weaker: the name contains the word (best sense first).
PART: dict[str, tuple[str, ...]] = {
    "user_id": ("userid", "customerid", "memberid", "clientid", "accountid", "用户id", "会员id", "客户id", "用户编号"),
    "event": ("eventname", "eventtype", "behavior", "行为", "事件"),
    "occurred_at": ("timestamp", "datetime", "时间", "日期", "时刻", "time", "date"),
    "value": ("实付", "实收", "支付金额", "amount", "revenue", "金额", "gmv"),
    "signup_at": ("signup", "register", "registration", "注册", "入会"),
    "order_id": ("orderid", "orderno", "invoiceno", "订单号", "订单编号"),
    "variant": ("variant", "abtest", "testgroup", "实验组", "分组"),
}

# A lone name of these is an id when nothing better is there and its values do not repeat (or it is said by kind).
WEAK_USER = ("id", "email", "mail", "phone", "mobile", "手机号", "手机", "邮箱", "电话", "username", "用户名",
    "編號", "编号", "番号", "번호", "номер", "メール", "메일", "почта", "郵箱", "name",
)  # fmt: skip
WEAK_EVENT = ("type", "step", "page", "类型", "步骤", "页面", "status", "name")

# Words of tables that are counted already: one row per day (and arm), not per user.
COUNTED = (
    "pageviews", "clicks", "impressions", "views", "visits", "sessions", "users", "enrollments", "enrolments", "orders",
    "payments", "conversions", "uv", "pv", "dau", "mau", "点击", "曝光", "浏览", "访客", "订单", "支付", "人数", "次数",
    "sales", "ofimpressions", "ofclicks", "ofpurchase", "reach", "purchases",
)  # fmt: skip


def folded(name: str) -> str:
    """A column name as it is compared."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", name)).casefold()
