"""Who am I, and is anybody there."""

from sandbox.errors import SlackError
from sandbox.people import TEAM_DOMAIN, TEAM_NAME
from sandbox.webapi.call import SPECIAL, Call, Method
from sandbox.workspace import BOT_ID, TEAM_ID, Json


def auth_test(call: Call) -> Json:
    return {
        "url": f"https://{TEAM_DOMAIN}.sandbox.example/",
        "team": TEAM_NAME,
        "user": call.workspace.bot.name,
        "team_id": TEAM_ID,
        "user_id": call.bot,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def api_test(call: Call) -> Json:
    if error := call.text("error"):
        raise SlackError(error, args=call.args)
    return {"args": {k: v for k, v in call.args.items() if k != "token"}}


METHODS = {
    "auth.test": Method(auth_test, SPECIAL),
    "api.test": Method(api_test, SPECIAL, anonymous=True),
}
