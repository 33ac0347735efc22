"""Secured servers: let in with the right papers, refused with words that help."""

import pytest
import pytest_asyncio
from tests.edge.drivers.opcua.conftest import entry, listening, papers, until

from lode_edge.drivers import Stream, make
from lode_edge.drivers.driver import Login
from lode_edge.drivers.opcua import PLAIN, OpcuaStream, Security, chosen
from lode_edge.drivers.opcua.server import Access, connect, disconnect
from lode_edge.errors import EdgeError, Refused
from lode_edge.settings import OpcuaSettings
from lode_sim.opcua_plant import Plant, Safety

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOGIN = Login(username="lode", password="correct horse")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("papers")


@pytest.fixture(scope="module")
def theirs(home):
    return papers(home / "plant", "plant", "urn:example:plant:server")


@pytest.fixture(scope="module")
def ours(home):
    return papers(home / "agent", "agent", "urn:site:lode-edge")


@pytest.fixture(scope="module")
def trusted(home, theirs):
    folder = home / "trusted"
    folder.mkdir()
    (folder / "plant.pem").write_bytes(theirs.certificate_file.read_bytes())
    (folder / "README").write_text("no certificate")
    return folder


@pytest.fixture
def security(ours, trusted):
    return Security(
        mode="sign-and-encrypt",
        certificate_file=ours.certificate_file,
        key_file=ours.key_file,
        trusted_dir=trusted,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(theirs):
    safety = Safety(
        certificate_file=theirs.certificate_file,
        key_file=theirs.key_file,
        logins=((LOGIN.username, LOGIN.password),),
    )
    async with Plant(["F1"], safety=safety) as running:
        yield running


async def refusal(plant, security, login=LOGIN) -> str:
    """Give the words with which a connection is refused."""
    with pytest.raises(Refused) as refused:
        await connect(Access(url=plant.url, login=login, security=security, timeout_s=2.0))
    return str(refused.value)


@pytest.mark.parametrize("mode", ["sign", "sign-and-encrypt"])
async def test_a_secured_server_is_heard(mode, plant, ours, trusted):
    security = Security(
        mode=mode,
        certificate_file=ours.certificate_file,
        key_file=ours.key_file,
        trusted_dir=trusted,
    )
    told = entry(plant.url, login=LOGIN, timeout_s=2.0)
    async with listening(told, security=security) as ear:
        await until(lambda: ear.readings and ear.last.power_w)
    assert "correct horse" not in repr(told)


async def test_a_server_that_we_do_not_trust_is_named_by_its_fingerprint(
    plant, security, tmp_path, theirs, ours
):
    stranger = Security(
        mode="sign",
        certificate_file=ours.certificate_file,
        key_file=ours.key_file,
        trusted_dir=tmp_path,
    )
    said = await refusal(plant, stranger)
    assert "is not trusted; if it is the right one, put it into" in said
    assert str(tmp_path) in said
    (tmp_path / "plant.pem").write_bytes(theirs.certificate_file.read_bytes())
    access = Access(url=plant.url, login=LOGIN, security=stranger)
    await disconnect(await connect(access))  # a person has put it there


async def test_another_certificate_of_the_same_name_is_not_trusted(plant, ours, tmp_path):
    twin = papers(tmp_path / "twin", "plant", "urn:example:plant:server")
    security = Security(
        mode="sign",
        certificate_file=ours.certificate_file,
        key_file=ours.key_file,
        trusted_dir=twin.certificate_file.parent,
    )
    assert "is not trusted" in await refusal(plant, security)


async def test_a_wrong_password_is_said_and_not_told(plant, security):
    said = await refusal(plant, security, Login(username="lode", password="wrong battery"))
    assert "correct the device's username and password" in said
    assert "battery" not in said


async def test_nobody_is_let_in_without_security(plant):
    said = await refusal(plant, Security())
    assert said == f"{plant.url}: does not offer this security; set opcua.security as it does"


async def test_our_own_certificate_out_of_its_time_is_refused_there(plant, trusted, tmp_path):
    old = papers(tmp_path / "old", "agent", "urn:site:lode-edge", days=-1)
    security = Security(
        mode="sign",
        certificate_file=old.certificate_file,
        key_file=old.key_file,
        trusted_dir=trusted,
    )
    assert "ertificate" in await refusal(plant, security)


@pytest.mark.slow  # a server takes seconds to start
async def test_a_server_certificate_out_of_its_time_is_refused(ours, tmp_path):
    old = papers(tmp_path / "old", "plant", "urn:example:plant:server", days=-1)
    safety = Safety(certificate_file=old.certificate_file, key_file=old.key_file)
    security = Security(
        mode="sign",
        certificate_file=ours.certificate_file,
        key_file=ours.key_file,
        trusted_dir=old.certificate_file.parent,
    )
    async with Plant(["F1"], safety=safety) as plant:
        assert "is out of its time; renew it there" in await refusal(plant, security)


@pytest.mark.slow
async def test_a_server_without_security_says_what_it_offers(security):
    async with Plant(["F1"]) as plant:
        said = await refusal(plant, security)
    assert "offers no Basic256Sha256 SignAndEncrypt; it offers None None_" in said


async def test_the_settings_say_what_holds_for_an_address(ours, trusted):
    settings = OpcuaSettings(
        security="sign",
        certificate_file=ours.certificate_file,
        key_file=ours.key_file,
        trusted_dir=trusted,
        unsecured=("opc.tcp://127.0.0.1:2",),
    )
    assert chosen(settings, "opc.tcp://127.0.0.1:1").mode == "sign"
    assert chosen(settings, "opc.tcp://127.0.0.1:2") == PLAIN
    told = entry("opc.tcp://127.0.0.1:2")
    assert isinstance(make(told, 1, opcua=settings), Stream)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"certificate_file": None}, "opcua.certificate_file: is missing; security sign"),
        ({"trusted_dir": None}, "opcua.trusted_dir: is missing"),
        ({"key_file": "nowhere"}, "nowhere.*No such file"),
        ({"trusted_dir": "nowhere"}, "nowhere.*create it"),
        ({"certificate_file": "README"}, "is no certificate.*write PEM or DER"),
    ],
)
async def test_security_that_cannot_work_is_refused_at_the_start(
    missing, message, ours, trusted, tmp_path
):
    (tmp_path / "README").write_text("no certificate")
    given = {
        "certificate_file": ours.certificate_file,
        "key_file": ours.key_file,
        "trusted_dir": trusted,
        **{name: value and tmp_path / value for name, value in missing.items()},
    }
    with pytest.raises(EdgeError, match=message):
        OpcuaStream(entry("opc.tcp://127.0.0.1:1"), 1, Security(mode="sign", **given))
