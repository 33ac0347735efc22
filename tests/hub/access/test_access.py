"""People and their sessions on a real database."""

import pytest
from argon2 import PasswordHasher

from lode_hub.access import Access, Person, passwords
from lode_hub.errors import InvalidError, NotFoundError, TooManyError, UnauthorizedError
from lode_hub.settings import AccessSettings
from lode_hub.store import Store

HERE = "10.0.0.1"


@pytest.fixture
def access(store: Store) -> Access:
    return Access(store, AccessSettings(attempts=3, address_attempts=5, attempts_s=60))


async def run(store: Store, statement: str) -> None:
    async with store.pool.connection() as conn:
        await conn.execute(statement.encode())


async def test_the_first_password_is_shown_once(access: Access) -> None:
    shown: list[str] = []
    await access.greet(shown.append)
    await access.greet(shown.append)
    (password,) = shown
    assert len(password) >= 20
    token, person = await access.login("admin", password, HERE)
    assert person == Person(name="admin", role="admin")
    assert await access.person(token) == person


async def test_neither_password_nor_token_is_stored(access: Access, store: Store) -> None:
    password = await access.add("ada", "operator")
    token, _ = await access.login("ada", password, HERE)
    async with store.pool.connection() as conn:
        people = await (await conn.execute("select p::text from person p")).fetchall()
        sessions = await (await conn.execute("select s::text from session s")).fetchall()
    stored = f"{people}{sessions}"
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in stored
    assert password not in stored
    assert token not in stored


async def test_every_login_is_a_session_of_its_own_that_ends_alone(access: Access) -> None:
    password = await access.add("ada", "operator")
    first, _ = await access.login("ada", password, HERE)
    second, _ = await access.login("ada", password, HERE)
    assert first != second
    await access.logout(first)
    assert await access.person(first) is None
    assert await access.person(second) is not None


@pytest.mark.parametrize(
    "change",
    [
        "update session set seen_at = now() - interval '13 hours'",
        "update session set opened_at = now() - interval '8 days'",
        "update person set is_disabled = true",
        "delete from person",
    ],
)
async def test_a_session_ends(access: Access, store: Store, change: str) -> None:
    token, _ = await access.login("ada", await access.add("ada", "viewer"), HERE)
    assert await access.person(token) is not None
    await run(store, change)
    assert await access.person(token) is None


async def test_a_session_that_is_used_stays(access: Access, store: Store) -> None:
    token, _ = await access.login("ada", await access.add("ada", "viewer"), HERE)
    for _ in range(3):
        await run(store, "update session set seen_at = seen_at - interval '11 hours'")
        assert await access.person(token) is not None


async def test_a_new_password_ends_all_sessions(access: Access) -> None:
    old = await access.add("ada", "viewer")
    token, _ = await access.login("ada", old, HERE)
    new = await access.reset_password("ada")
    assert await access.person(token) is None
    with pytest.raises(UnauthorizedError):
        await access.login("ada", old, HERE)
    await access.login("ada", new, HERE)
    with pytest.raises(NotFoundError, match="no person is called 'bob'"):
        await access.reset_password("bob")


@pytest.mark.parametrize(("name", "role"), [("Ada", "viewer"), ("", "viewer"), ("ada", "king")])
async def test_impossible_people_are_refused(access: Access, name: str, role: str) -> None:
    with pytest.raises(InvalidError):
        await access.add(name, role)


async def test_a_name_is_taken_once(access: Access) -> None:
    await access.add("ada", "viewer")
    with pytest.raises(InvalidError, match="taken"):
        await access.add("ada", "admin")


async def test_guessing_an_account_is_slowed_down_whoever_guesses(access: Access) -> None:
    password = await access.add("ada", "viewer")
    for number in range(3):
        with pytest.raises(UnauthorizedError):
            await access.login("ada", "wrong", f"10.0.0.{number}")
    with pytest.raises(TooManyError) as caught:
        await access.login("ada", password, "10.0.0.9")
    assert 0 < caught.value.retry_s <= 60


async def test_an_address_that_tries_many_names_is_slowed_down(access: Access) -> None:
    password = await access.add("ada", "viewer")
    for number in range(4):
        with pytest.raises(UnauthorizedError):
            await access.login(f"name{number}", "wrong", HERE)
    await access.login("ada", password, HERE)  # does not wash the failures away
    with pytest.raises(UnauthorizedError):
        await access.login("name4", "wrong", HERE)
    with pytest.raises(TooManyError):
        await access.login("ada", password, HERE)


async def test_nothing_is_hashed_once_the_limit_is_reached(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = count_hashing(monkeypatch)
    for _ in range(5):
        with pytest.raises((UnauthorizedError, TooManyError)):
            await access.login("ada", "wrong", HERE)
    assert len(hashed) == 3


@pytest.mark.parametrize("name", ["ada", "nobody", "No Name At All", "bob"])
async def test_a_failure_costs_the_same_work_whoever_is_named(
    access: Access, store: Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await access.add("ada", "viewer")
    await access.add("bob", "viewer")
    await run(store, "update person set is_disabled = true where name = 'bob'")
    hashed = count_hashing(monkeypatch)
    with pytest.raises(UnauthorizedError) as caught:
        await access.login(name, "wrong", HERE)
    assert len(hashed) == 1
    assert hashed[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert str(caught.value) == "login: name and password do not fit; check both"


async def test_an_older_hash_is_renewed_at_login(access: Access, store: Store) -> None:
    await access.add("ada", "viewer")
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("pass")
    await run(store, f"update person set password_hash = '{weak}'")
    await access.login("ada", "pass", HERE)
    await access.login("ada", "pass", HERE)
    async with store.pool.connection() as conn:
        row = await (await conn.execute("select password_hash from person")).fetchone()
    assert row is not None
    assert "m=19456" in row[0]


async def test_a_right_is_asked_for_anew(access: Access, store: Store) -> None:
    await access.add("ada", "operator")
    ada = Person(name="ada", role="operator")
    assert await access.may(ada, "alerts.acknowledge")
    await run(store, "update person set role = 'viewer'")
    assert not await access.may(ada, "alerts.acknowledge")
    await run(store, "delete from person")
    assert not await access.may(Person(name="ada", role="admin"), "alerts.acknowledge")


def count_hashing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the stored hash of every verification from now on."""
    hashed: list[str] = []
    really = passwords._fits

    def counted(password: str, stored: str) -> bool:
        hashed.append(stored)
        return really(password, stored)

    monkeypatch.setattr(passwords, "_fits", counted)
    return hashed
