"""`python -m bot ...`: joins settings, database, Slack and the clock; the only door out of this room."""

import argparse
import gc
import getpass
import http.client
import logging
import math
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.error import URLError

import structlog
from cryptography.fernet import Fernet
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import make_url
from sqlalchemy.exc import DatabaseError, OperationalError

import handlers
from bot import paper, proof, wording
from bot import procedure_file as procedures
from bot import settings as environment
from bot.procedure import Procedure
from bot.procedure_file import ProcedureFile
from bot.scripts import Scripts
from bot.settings import Settings, WhereDatabase, WrongSetup
from handlers import customer_request, people, printing, setup
from handlers.clock import Metronome
from handlers.courier import Courier
from handlers.customer_request import Terminal
from handlers.desk import Desk, Identity
from handlers.metrics import TURNS_WAITING, WAITING
from handlers.overdue import Overdue
from handlers.procedure import reread
from handlers.retention import Retention
from handlers.slack import Slack
from handlers.transport import Front, HttpServer, SocketMode
from storage import encryption, journal, outbox, schema
from storage import keys as sealed
from storage.db import Database
from storage.turns import Turns

log = structlog.get_logger("hotline")

# Requests and errands that are worked on at a time in one process: all, people's, and the courier's; whoever waits for
# Slack does not count. With PostgreSQL there is the way to the server to wait for.
AT_ONCE = {"sqlite": (2, 2, 1), "postgresql": (4, 3, 2)}
ACK_TIMEOUT_S = 3  # what people wait for: Slack gives up then
CALL_TIMEOUT_S = 8
RETRY_START_S = 5
NO_ANSWER = (OSError, http.client.HTTPException)  # what a call to Slack raises when nothing, or no HTTP, came back
LOOKED_AT_MOST_S = 60  # ago; the clock looks every few seconds, whatever is due
REFUSED_APP_TOKEN = {
    "invalid_auth",
    "not_authed",
    "not_allowed_token_type",
    "missing_scope",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "access_denied",
    "forbidden_team",
}


def utc_now() -> datetime:
    """The only clock that the bot looks at."""
    return datetime.now(UTC)


class Program:
    """The bot, joined together. Tests make one with a clock of their own, and without the metronome."""

    def __init__(self, settings: Settings, file: ProcedureFile, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self._identity: Identity | None = None
        self._identifying = threading.Lock()
        self.db = open_database(settings)
        token = settings.slack_bot_token.get_secret_value()
        self.turns = Turns(*AT_ONCE["sqlite" if self.db.is_sqlite else "postgresql"], limit_s=ACK_TIMEOUT_S / 3)
        self.client = Slack(token, settings.slack_api_url, CALL_TIMEOUT_S, self.turns.given_up)
        self.client_of_people = Slack(token, settings.slack_api_url, ACK_TIMEOUT_S, self.turns.given_up)
        self.desk = Desk(
            db=self.db,
            file=file,
            wordings=wording.load(settings.hotline_timezone or file.current.calendar.timezone, now),
            scripts=Scripts(settings.hotline_templates),
            language=settings.hotline_language,
            client=self.client,
            identity=self.identity,
            now=now,
            wake=self.wake,
        )
        self.holder = f"{this_machine()}/{os.getpid()}/{secrets.token_hex(4)}"
        self.courier = Courier(
            self.desk,
            handlers.ERRANDS,
            handlers.DRAWINGS,
            self.turns,
            self.holder,
            long=handlers.LONG,
            interrupt=printing.interrupt,
        )
        self.metronome: Metronome | None = None
        secret = settings.slack_signing_secret
        self.app = Front(
            self.turns,
            name="hotline",
            client=self.client_of_people,
            authorize=self._authorizing(),
            logger=logging.getLogger("slack_bolt.hotline"),
            signing_secret=secret.get_secret_value() if secret else None,
            process_before_response=True,
            raise_error_for_unhandled_request=False,
        )
        handlers.register(self.app, self.desk, self.client_of_people)

    def identity(self) -> Identity:
        """Who the bot is; asked once. Raises like `handlers.setup.identify`."""
        with self._identifying:
            if self._identity is None:
                self._identity = setup.identify(self.client)
            return self._identity

    def wake(self) -> None:
        """Courier and clock look at once."""
        self.courier.wake()
        if self.metronome:
            self.metronome.wake()

    def start(self) -> None:
        """Frees what dead processes held, learns who is who, and carries on where the last run stopped."""
        with self.db.begin() as tx:
            outbox.release(tx, [holder for holder in outbox.holders(tx) if is_dead(holder, self.holder)])
        people.ask_for_everybody(self.desk)
        reread(self.desk)
        WAITING.set_function(self._waiting)
        TURNS_WAITING.set_function(lambda: self.turns.waiting)
        self.courier.start()

    def stop(self) -> None:
        """Finishes what is in hand."""
        if self.metronome:
            self.metronome.stop()
        self.courier.stop()
        self.client.close()
        self.client_of_people.close()
        self.db.close()

    def _waiting(self) -> float:
        """How many errands are not done yet, asked when somebody looks at the metrics."""
        try:
            with self.db.read() as tx:
                return outbox.waiting(tx)
        except OperationalError:
            return math.nan

    def _authorizing(self) -> Callable[[], AuthorizeResult]:
        """One workspace, one token: no call to Slack for each request. Bolt hands in what the arguments name: none."""
        token = self.settings.slack_bot_token.get_secret_value()

        def authorize() -> AuthorizeResult:
            me = self.identity()
            return AuthorizeResult(
                enterprise_id=None, team_id=me.team_id, bot_user_id=me.user_id, bot_id=me.bot_id, bot_token=token
            )

        return authorize


def keys(settings: WhereDatabase) -> list[str]:
    """The encryption keys. A database on this machine gets one in a file beside it; any other needs them to be set.

    Raises WrongSetup when there is none.
    """
    if settings.hotline_encryption_keys:
        return [key.get_secret_value() for key in settings.hotline_encryption_keys]
    if not settings.database_is_here:
        raise WrongSetup(encryption.HOW_TO_MAKE_A_KEY)
    return [encryption.key_beside(key_file(settings))]


def key_file(settings: WhereDatabase) -> Path:
    """Where the key of a database on this machine is kept when none is set."""
    url = make_url(settings.database_url)
    database = Path(str(url.database)) if settings.is_sqlite else Path("data") / str(url.database)
    return database.with_suffix(".key")


def this_machine() -> str:
    """What tells process numbers apart: the host, and on Linux the container (containers may share the host's name)."""
    try:
        return f"{socket.gethostname()}:{Path('/proc/self/ns/pid').readlink().name}"
    except OSError:
        return socket.gethostname()


def is_dead(holder: str, mine: str) -> bool:
    """Whether a process that held something is known to be gone: one of this machine that is no more."""
    host, _, rest = holder.partition("/")
    pid = rest.partition("/")[0]
    if host != this_machine() or not pid.isdigit():
        return False
    if int(pid) == os.getpid():
        return holder != mine  # our own number, given anew: the one who had it is gone
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def run() -> int:
    """The bot, until it is told to stop."""
    settings = environment.load()
    configure_logging(settings)
    program = Program(settings, ProcedureFile(settings.hotline_procedure))
    migrate_database(program.db)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    socket_mode, started = _socket_mode(program), threading.Event()
    server = _server(program, socket_mode, started)  # first: operators look at it while Slack is away
    try:
        if not _wait_for_slack(program, stopping):
            return 0
        program.start()
        program.metronome = Metronome(
            program.desk,
            program.courier,
            partial(_look_around, program, Overdue(program.desk), Retention(program.desk)),
        )
        program.metronome.start()
        started.set()
        if not socket_mode or _connect(socket_mode, stopping):
            log.info(
                "ready",
                transport="Socket Mode" if socket_mode else "HTTP",
                database="SQLite" if settings.is_sqlite else "PostgreSQL",
            )
            _warn_of_gaps(program)
        keep_out_of_collections()
        stopping.wait()
    finally:
        log.info("stopping")
        if socket_mode:
            socket_mode.stop()
        if server:
            server.stop()
        program.stop()
    return 0


def keep_out_of_collections() -> None:
    """What the process has made by now it keeps until it ends: Python's collector need not look through it again.

    A full collection over it holds up every thread, some 80 ms on two cores (measured by bench/clock_fires.py).
    """
    gc.collect()
    gc.freeze()


def migrate() -> int:
    """The database gets the shape of this version."""
    db = open_database(environment.where_database())
    migrate_database(db)
    print("The database has the shape of this version.")
    return 0


def check() -> int:
    """Says in plain sentences what is wrong with the setup, and how to mend it."""
    wrong: list[str] = []
    settings = environment.load()
    procedure: Procedure | None = None
    try:
        procedure = procedures.load(settings.hotline_procedure)
        print(f"Procedure: {settings.hotline_procedure.name} is in order.")
    except WrongSetup as error:
        wrong += error.sentences
    try:
        db = open_database(settings)
        reach_database(db)
        shape = "in the shape of this version" if schema.look(db) else "to be brought up to date at the next start"
        print(f"Database: {'SQLite' if settings.is_sqlite else 'PostgreSQL'}, reachable, {shape}.")
    except WrongSetup as error:
        wrong += error.sentences
    if procedure:
        app_token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else None
        client = WebClient(
            settings.slack_bot_token.get_secret_value(), settings.slack_api_url, CALL_TIMEOUT_S, retry_handlers=[]
        )
        before = len(wrong)
        try:
            for sentence in setup.complaints(client, app_token, procedure):
                wrong.append(sentence)  # one by one: what was found counts, whatever fails then
            if len(wrong) == before:
                print("Slack: tokens, scopes, user groups and channels are in order.")
        except WrongSetup as error:
            wrong += error.sentences
        except (*NO_ANSWER, SlackApiError) as error:
            wrong.append(
                f"Slack can't be reached at {settings.slack_api_url} ({_cause(error)}): "
                "check the network and SLACK_API_URL."
            )
    # Without these the bot runs, and says so where it matters.
    missing = printing.complaints()
    print(*missing or ["Dossier: PDF can be made, with Chinese in it."], sep="\n")
    if wrong:
        raise WrongSetup(*wrong)
    print("Everything is in order.")
    return 0


def new_key() -> int:
    """Prints a new encryption key."""
    print(Fernet.generate_key().decode())
    return 0


def rotate_keys() -> int:
    """Seals everything with the first key, so that the others can go. Raises WrongSetup when there is only one."""
    settings = environment.where_database()
    if not settings.hotline_encryption_keys and settings.database_is_here:
        raise WrongSetup(encryption.how_to_rotate(key_file(settings)))
    if len(keys(settings)) == 1:
        raise WrongSetup(encryption.how_to_rotate(None))
    db = open_database(settings)
    reach_database(db)
    schema.check(db)
    try:
        rotated = sealed.rotate(db)
    except encryption.WrongKey:
        raise WrongSetup(
            "HOTLINE_ENCRYPTION_KEYS lacks a key with which a part of the database was written: put it behind the "
            "others, and rotate again; what was done so far stays done."
        ) from None
    for table, rows in rotated.again.items():
        print(f"{table}: {rows} row{'' if rows == 1 else 's'} sealed again.")
    print(f"Everything ({rotated.all} in all) has the first key: take the others out of HOTLINE_ENCRYPTION_KEYS.")
    return 0


def verify_journal() -> int:
    """Checks the chains of the journal. Returns 1 when something was changed or taken out, and says where."""
    db = open_database(environment.where_database())
    reach_database(db)
    schema.check(db)
    with db.read() as tx:
        found = journal.verify(tx)
    for each in found.broken:
        where = "The installation" if each.incident_id is None else f"INC-{each.incident_id}"
        at = f"{each.at:%Y-%m-%d %H:%M:%S} UTC"
        print(f"{where}: the entry “{each.what}” of {at} was changed, or one before it was changed or taken out.")
    entries = f"{found.entries:,} entr{'y' if found.entries == 1 else 'ies'}"
    incidents = f"{found.incidents:,} incident{'' if found.incidents == 1 else 's'}"
    if found.broken:
        chains = f"{len(found.broken)} chain{'' if len(found.broken) == 1 else 's'}"
        print(f"{entries} of {incidents} were looked at: {chains} broken.")
        return 1
    print(f"{entries} of {incidents} {'is' if found.entries == 1 else 'are'} whole.")
    return 0


def customer(asked: argparse.Namespace) -> int:
    """What one customer asks for. Raises WrongSetup with a sentence; returns 1 when there is nobody."""
    db = open_database(environment.where_database())
    reach_database(db)
    terminal = Terminal(this_operator(), print, partial(print, file=sys.stderr), _agrees)
    return customer_request.answer(asked, db, terminal, utc_now())


def this_operator() -> str:
    """The login name of whoever runs a command, as far as the machine knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have a number for a user, and no name
        return str(os.getuid())


def _agrees(question: str) -> bool:
    """Asks at the terminal; whoever is not there says nothing."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"


def show(answer: proof.Answer) -> int:
    """Prints line by line; whoever reads may stop reading (`| head`). Returns the exit code."""
    try:
        for line in answer.lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered is for nobody
    if answer.note:
        print(answer.note, file=sys.stderr)
    return answer.code


def open_database(settings: WhereDatabase) -> Database:
    """The database, and the keys for what is in it. Raises WrongSetup when a folder or a key can't be used."""
    try:
        return Database(settings.database_url, encryption.Cipher(keys(settings)))
    except OSError as error:
        raise WrongSetup(
            f"The folder of the database or of its key can't be used ({type(error).__name__}): "
            "check DATABASE_URL and who may write there."
        ) from None


def reach_database(db: Database) -> None:
    """Raises WrongSetup when the database can't be reached; the address is not in it, it may hold a password."""
    try:
        db.is_reachable()
    except OperationalError as error:
        raise WrongSetup(
            f"The database can't be reached ({type(error.orig).__name__}): check DATABASE_URL and the server."
        ) from None
    except DatabaseError as error:
        raise WrongSetup(
            f"What DATABASE_URL names can't be used as a database ({type(error.orig).__name__})."
        ) from None


def migrate_database(db: Database) -> None:
    """Raises WrongSetup like `reach_database`, and when the database can't be brought to this version's shape."""
    reach_database(db)
    schema.migrate(db)


def configure_logging(settings: Settings) -> None:
    """Lines for people on a terminal, JSON elsewhere, whoever writes them: ours, or the libraries'.

    Bolt and the SDK would log whole payloads below WARNING: those get out by no way.
    """
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if (settings.hotline_log or ("text" if sys.stderr.isatty() else "json")) == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    first: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    theirs = logging.StreamHandler(sys.stderr)
    theirs.setLevel(logging.WARNING)
    theirs.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[theirs])
    logging.captureWarnings(True)
    for name in ("slack_bolt", "slack_sdk", "apscheduler", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*first, renderer],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )


def main(arguments: Sequence[str]) -> int:
    """Reads the command line. Returns the exit code: 0, 1 for wrong scripts or a broken journal, or 2 for a wrong
    setup.
    """
    parser = argparse.ArgumentParser(prog="python -m bot", description="Hotline: customer-service incidents in Slack.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", help="start the bot (brings the database up to date first)")
    checking = commands.add_parser("check", help="say what is wrong with the setup, and how to mend it")
    checking.add_argument("--procedure", type=Path, metavar="FILE", help="check only this procedure file")
    commands.add_parser("migrate", help="bring the database up to date, and stop")
    key_commands = commands.add_parser("keys", help="encryption keys").add_subparsers(dest="keys", required=True)
    key_commands.add_parser("new", help="print a new key for HOTLINE_ENCRYPTION_KEYS")
    key_commands.add_parser("rotate", help="seal customers' data again with the first key, so that old ones can go")
    journal_commands = commands.add_parser("journal", help="what happened").add_subparsers(
        dest="journal", required=True
    )
    journal_commands.add_parser("verify", help="check that no entry of the journal was changed or taken out")
    customer_request.add_to(commands)
    paper.add_to(commands)
    proof.add_to(commands)
    asked = parser.parse_args(arguments)
    try:
        if asked.command in paper.COMMANDS or (asked.command == "check" and asked.procedure):
            print(paper.answer(asked, utc_now()))
            return 0
        if asked.command == "customer":
            return customer(asked)
        if asked.command == "keys":
            return {"new": new_key, "rotate": rotate_keys}[asked.keys]()
        if asked.command == "scripts":
            return show(proof.answer(asked))
        return {"run": run, "check": check, "migrate": migrate, "journal": verify_journal}[asked.command]()
    except WrongSetup as error:
        for sentence in error.sentences:
            print(sentence, file=sys.stderr)
        return 2


def _wait_for_slack(program: Program, stopping: threading.Event) -> bool:
    while not stopping.is_set():
        try:
            program.identity()
            missing = list(setup.missing_scopes(program.client))
        except (*NO_ANSWER, SlackApiError) as error:
            log.warning("Slack can't be reached; trying again", seconds=RETRY_START_S, error=_cause(error))
            stopping.wait(RETRY_START_S)
        else:
            if missing:
                raise WrongSetup(*missing)
            return True
    return False


def _look_around(program: Program, *jobs: Retention | Overdue) -> None:
    """What may take its time: the procedure file, the weekly word, and customers' data that were kept long enough."""
    if reread(program.desk):
        _warn_of_gaps(program)
    for job in jobs:
        job.look()


def _warn_of_gaps(program: Program) -> None:
    """The same sentences as `check`; but the bot runs on, since somebody may mend it meanwhile."""
    try:
        for sentence in setup.gaps(program.client, program.desk.procedure):
            log.warning(sentence)
    except (*NO_ANSWER, SlackApiError) as error:
        log.warning("Slack could not be asked for its user groups and channels", error=_cause(error))


def _connect(socket_mode: SocketMode, stopping: threading.Event) -> bool:
    while not stopping.is_set():
        try:
            socket_mode.start()
        except SlackApiError as error:
            word = str(error.response["error"])
            if word in REFUSED_APP_TOKEN:
                raise WrongSetup(setup.no_socket_mode(word)) from None
            log.warning("Slack can't be reached; trying again", seconds=RETRY_START_S, error=word)
            stopping.wait(RETRY_START_S)
        except NO_ANSWER as error:
            log.warning("Slack can't be reached; trying again", seconds=RETRY_START_S, error=_cause(error))
            stopping.wait(RETRY_START_S)
        else:
            return True
    return False


def _socket_mode(program: Program) -> SocketMode | None:
    token = program.settings.slack_app_token
    return SocketMode(program.app, token.get_secret_value()) if token else None


def _server(program: Program, socket_mode: SocketMode | None, started: threading.Event) -> HttpServer | None:
    """HTTP mode needs one; in Socket Mode it is there for operators when PORT is set."""
    port = program.settings.port
    if socket_mode and port is None:
        return None

    reach = setup.Reach(program.app.client)

    def is_ready() -> str | None:
        if not started.is_set():
            return "Slack was not reached yet"
        if socket_mode and not socket_mode.is_connected():
            return "not connected to Slack"
        if not socket_mode and (why_not := reach.why_not()):
            return why_not
        try:
            program.db.is_reachable()
        except OperationalError:
            return "the database can't be reached"
        if program.metronome and program.metronome.looked_ago() > LOOKED_AT_MOST_S:
            return "the clock does not look any more"
        return None

    server = HttpServer(None if socket_mode else program.app, is_ready, "0.0.0.0", 3000 if port is None else port)  # noqa: S104 - behind a load balancer
    try:
        bound = server.start()
    except OSError as error:
        raise WrongSetup(f"PORT {port or 3000} can't be used ({_cause(error)}): set another one.") from None
    log.info("listening", port=bound)
    return server


def _cause(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    return type(reason).__name__ if isinstance(reason, Exception) else str(reason)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
