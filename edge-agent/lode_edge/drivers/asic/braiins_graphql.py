"""Braiins OS by its GraphQL (firmware before the REST API): one POST per question, with a session.

A command is `graphql NAME`, the name of one of the queries here. While the mining program is
stopped, nothing of it can be asked.
"""

import msgspec

from lode_edge.drivers.asic.braiins_rest import inner
from lode_edge.drivers.asic.details import Details, Pool
from lode_edge.drivers.asic.family import Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.link import WEB_PORT
from lode_edge.drivers.asic.reply import Replies, Row, number, rows, text
from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer, Denied, DriverError, NotNow, Unsupported
from lode_edge.http import Web

DEFAULT_LOGIN = Login(username="root")
PATH = "/graphql"
UPTIME, SYSTEM, BOARDS = "graphql Uptime", "graphql System", "graphql Boards"
POOLS, TUNING, LIGHT = "graphql Pools", "graphql Tuning", "graphql Light"
LIMITS, MAC, MODEL = "graphql Limits", "graphql Mac", "graphql Model"
QUERIES = {
    UPTIME: "bos { info { version { full } } uptime { durationS } } "
    "bosminer { uptime { durationS } }",
    SYSTEM: "bos { hostname faultLight info { version { full } } uptime { durationS } } "
    "bosminer { info { workSolver { realHashrate { mhs5S } nominalMhs } "
    "fans { name speed rpm } summary { power { limitW approxConsumptionW } } } }",
    BOARDS: "bosminer { info { workSolver { childSolvers { name realHashrate { mhs5S } nominalMhs "
    "hwDetails { chips frequencyMhz voltageV } temperatures { name degreesC } } } } }",
    POOLS: "bosminer { info { poolGroups { name pools { url user status active "
    "shares { acceptedSolutions rejectedSolutions } } } } }",
    TUNING: "bosminer { config { ... on BosminerConfig { autotuning { mode powerTarget "
    "hashrateTarget } } } }",
    LIGHT: "bos { faultLight }",
    LIMITS: "bosminer { metadata { autotuning { powerTarget { min max } } } }",
    MAC: "bos { macAddress }",
    MODEL: "bosminer { info { modelName } }",
}
_LOGIN = (
    "mutation Login($username: String!, $password: String!) { auth { login(username: $username, "
    "password: $password) { ... on VoidResult { void } ... on AuthError { message } } } }"
)
_SESSION = "session_id="


class GraphQl:
    """One rig's GraphQL; it logs in first, and again when its session has ended."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._login = rig.login or DEFAULT_LOGIN
        self._cookie = ""

    def place(self, name: str) -> str:
        """Name a question in an error."""
        return f"{self._rig.host} {name}"

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Ask one of the queries here."""
        return msgspec.json.encode(await self.query(command, deadline=deadline))

    async def query(self, command: str, *, deadline: float) -> Row:
        """Ask one of the queries here, and give its answer taken apart."""
        query = f"query {command.removeprefix('graphql ')} {{ {QUERIES[command]} }}"
        return await self.send(command, query, deadline=deadline)

    async def send(
        self, name: str, query: str, variables: Row | None = None, *, deadline: float
    ) -> Row:
        """Send a query or a mutation; one refused for its session only is sent again.

        Raises:
            NotNow: the rig has nothing to say on this while its mining program is stopped.
            Denied: the rig refused the login.
            Unsupported: it does not know what was asked.
            BadAnswer: what came makes no sense.
        """
        had_cookie = bool(self._cookie)
        answer = await self._once(name, query, variables, deadline)
        if had_cookie and "auth" in _message(answer).lower():
            self._cookie = ""
            answer = await self._once(name, query, variables, deadline)
        message = _message(answer)
        if message:
            raise self._refusal(name, message)
        if not rows(answer, "data"):
            raise BadAnswer(f"{self.place(name)}: no data in its answer")
        return answer

    def _refusal(self, name: str, message: str) -> DriverError:
        said = f"{self.place(name)}: {message[:120]}"
        words = message.lower()
        if "auth" in words:
            return Denied(said)
        if "unknown" in words or "cannot query" in words:
            return Unsupported(said)
        return NotNow(said)

    async def _once(self, name: str, query: str, variables: Row | None, deadline: float) -> Row:
        if not self._cookie:
            self._cookie = await self._log_in(deadline)
        return (await self._post(name, query, variables, deadline))[0]

    async def _log_in(self, deadline: float) -> str:
        known: Row = {"username": self._login.username, "password": self._login.password}
        answer, cookie = await self._post("login", _LOGIN, known, deadline)
        refused = text(inner(answer, "data", "auth", "login"), "message") or _message(answer)
        for part in cookie.split(";"):
            if part.strip().startswith(_SESSION):
                return part.strip()
        said = refused[:120] or "no session"
        raise Denied(f"{self.place('login')}: refused: {said}; check its secrets")

    async def _post(
        self, name: str, query: str, variables: Row | None, deadline: float
    ) -> tuple[Row, str]:
        web = Web(self._rig.host, self._rig.beside(WEB_PORT))
        headers = {"Content-Type": "application/json"}
        headers |= {"Cookie": self._cookie} if self._cookie else {}
        body = msgspec.json.encode({"query": query, "variables": variables or {}})
        response = await web.request("POST", PATH, headers=headers, body=body, deadline=deadline)
        data = response.good(self.place(name))
        try:
            answer = msgspec.json.decode(data, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswer(f"{self.place(name)}: no JSON: {error}") from error
        return answer, response.headers.get("set-cookie", "")


def _message(answer: Row) -> str:
    errors = rows(answer, "errors")
    return str(errors[0].get("message", "failed")) if errors else ""


def read(replies: Replies) -> Figures:
    """Understand the answers to the queries System, Boards and Uptime."""
    system = replies.row(SYSTEM, "data")
    info = inner(system, "bosminer", "info")
    solver = inner(info, "workSolver")
    solvers = rows(
        inner(replies.row(BOARDS, "data"), "bosminer", "info", "workSolver"), "childSolvers"
    )
    uptime = replies.row(UPTIME, "data")
    stopped = bool(uptime) and not inner(uptime, "bosminer", "uptime")
    boards = [_board(row) for row in solvers]
    return Figures(
        hashrate_ths=_ths(inner(solver, "realHashrate"), "mhs5S"),
        power_w=number(inner(info, "summary", "power"), "approxConsumptionW"),
        boards=boards,
        # It lists four fans whatever is there: one that stands still cannot be told from none.
        fans_rpm=[rpm for fan in rows(info, "fans") if (rpm := number(fan, "rpm"))],
        uptime_s=number(inner(system or uptime, "bos", "uptime"), "durationS"),
        ideal_ths=_ths(solver, "nominalMhs") or None,
        is_asleep=stopped and isinstance(replies.failed.get(SYSTEM), NotNow),
    )


def _board(row: Row) -> Board:
    temps = rows(row, "temperatures")
    return Board(
        temp_c=_temp(temps, "Board"),
        chip_temp_c=_temp(temps, "Chip"),
        hashrate_ths=_ths(inner(row, "realHashrate"), "mhs5S"),
        chips=number(inner(row, "hwDetails"), "chips"),
    )


def _temp(temps: list[Row], name: str) -> float | None:
    """Give the sensor of that name, which newer firmware calls `Max ...`."""
    found = (number(row, "degreesC") for row in temps if text(row, "name").endswith(name))
    return next(found, None) or None


def _ths(row: Row, key: str) -> float | None:
    rate = number(row, key)
    return None if rate is None else rate / 1e6


def details(replies: Replies) -> Details:
    """Tell of the pools."""
    groups = rows(inner(replies.row(POOLS, "data"), "bosminer", "info"), "poolGroups")
    alive = {"ALIVE": True, "DEAD": False}
    return Details(
        pools=[
            Pool(
                is_alive=alive.get(text(pool, "status")),
                accepted=number(inner(pool, "shares"), "acceptedSolutions"),
                rejected=number(inner(pool, "shares"), "rejectedSolutions"),
            )
            for group in groups
            for pool in rows(group, "pools")
        ]
    )


def describe(replies: Replies) -> Identity:
    """Tell what the rig is."""
    bos = inner(replies.row(SYSTEM, "data") or replies.row(UPTIME, "data"), "bos")
    firmware = text(inner(bos, "info", "version"), "full")
    return Identity(
        vendor="Bitmain",
        model=text(inner(replies.row(MODEL, "data"), "bosminer", "info"), "modelName"),
        firmware=f"Braiins OS {firmware}" if firmware else "",
        mac=text(inner(replies.row(MAC, "data"), "bos"), "macAddress"),
    )
