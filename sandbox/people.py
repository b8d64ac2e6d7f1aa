"""Who works at Northlight Support when a workspace is new: an invented company with customers in two languages."""

from dataclasses import dataclass, field

TEAM_NAME = "Northlight Support 北光客服"
TEAM_DOMAIN = "northlight"


@dataclass
class Someone:
    id: str
    name: str
    real_name: str
    title: str
    locale: str = "en-US"
    tz: str = "Europe/London"
    groups: tuple[str, ...] = ()
    deleted: bool = False
    is_restricted: bool = False  # a guest
    is_ultra_restricted: bool = False  # a guest in one channel, who can't be invited into another


SHANGHAI = "Asia/Shanghai"

PEOPLE = (
    Someone("U0LIN", "lin", "Lin 林", "Customer service agent", "zh-CN", SHANGHAI, ("support-oncall",)),
    Someone("U0ADA", "ada", "Ada Okafor", "Customer service agent", groups=("support-oncall",)),
    Someone("U0MEI", "mei", "Mei 梅", "Customer service lead", "zh-CN", SHANGHAI, ("support-oncall", "support-leads")),
    Someone("U0WANG", "wang", "Wang 王", "Supervisor", "zh-CN", SHANGHAI, ("supervisors",)),
    Someone("U0TOM", "tom", "Tom Berger", "Supervisor", tz="Europe/Berlin", groups=("supervisors",)),
    Someone(
        "U0ZHOU", "zhou", "Zhou 周", "Technical support engineer", "zh-CN", SHANGHAI, ("tech-support", "tech-heads")
    ),
    Someone("U0QIAN", "qian", "Qian 钱", "Technical support engineer", "zh-CN", SHANGHAI, ("tech-support",)),
    Someone("U0LEA", "lea", "Lea Martin", "Legal counsel", tz="Europe/Paris", groups=("legal",)),
    Someone("U0PAT", "pat", "Pat Reilly", "Public relations", tz="America/New_York", groups=("pr",)),
    Someone("U0HE", "he", "He 何", "Customer relations", "zh-CN", SHANGHAI, ("customer-relations",)),
    Someone("U0QUINN", "quinn", "Quinn Doyle", "Quality manager", groups=("quality",)),
    Someone(
        "U0BEN",
        "ben",
        "Ben Costa",
        "Business owner, payments",
        tz="America/New_York",
        groups=("business", "business-heads"),
    ),
    Someone("U0SUN", "sun", "Sun 孙", "Head of service", "zh-CN", SHANGHAI, ("service-heads",)),
    Someone("U0EVA", "eva", "Eva Lindqvist", "Executive", tz="Europe/Stockholm", groups=("executives",)),
    Someone("U0GUEST", "gus", "Gus Guest", "Guest of a supplier", is_restricted=True, is_ultra_restricted=True),
    Someone("U0GONE", "fran", "Fran Former", "Left the company", deleted=True),
)


@dataclass
class Group:
    id: str
    handle: str
    name: str
    description: str = ""
    members: list[str] = field(default_factory=list)


GROUPS = (
    Group("S0ONCALL", "support-oncall", "Support on call"),
    Group("S0LEADS", "support-leads", "Support leads"),
    Group("S0SUPERS", "supervisors", "Supervisors"),
    Group("S0HEADS", "service-heads", "Heads of service"),
    Group("S0EXECS", "executives", "Executives"),
    Group("S0TECH", "tech-support", "Technical support"),
    Group("S0LEGAL", "legal", "Legal"),
    Group("S0PR", "pr", "Public relations"),
    Group("S0CREL", "customer-relations", "Customer relations"),
    Group("S0QUAL", "quality", "Quality"),
    Group("S0BUSI", "business", "Business owners"),
    Group("S0TECHHEADS", "tech-heads", "Heads of technology"),
    Group("S0BUSIHEADS", "business-heads", "Heads of business"),
)

CHANNELS = (
    ("C0GENERAL", "general", "Everybody"),
    ("C0INCIDENTS", "incidents", "What is going on with customers right now"),
    ("C0REVIEWS", "reviews", "Postmortems to read and to learn from"),
)
