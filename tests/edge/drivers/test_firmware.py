"""New firmware, family by family: the approved image or none, and no setting changes by it."""

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest
from tests.edge.drivers.controls import bench, tried
from tests.edge.drivers.controls_further import ALL

from lode_edge import images
from lode_edge.drivers.acting import Deed
from lode_edge.errors import BadAnswer, Refused, TimedOut, Unreachable, Unsupported
from lode_edge.http import Web
from lode_edge.images import Image, Upload
from lode_sim.vendors import flash
from lode_sim.writes import WriteFault
from lode_wire.orders import UpdateFirmware

VENDORS = {"antminer-web": "antminer"}
NEW = "9.9.1"
FAMILIES = pytest.mark.parametrize(
    "family", ["antminer", "antminer-web", "vnish", "epic", "bitaxe"]
)


def approved(folder: Path, data: bytes, name: str = "new (1).img") -> UpdateFirmware:
    (folder / name).write_bytes(data)
    return UpdateFirmware(image=name, sha256=hashlib.sha256(data).hexdigest())


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "images"
    made.mkdir()
    return made


@pytest.fixture
def intent(family, folder):
    return approved(folder, flash.image(VENDORS.get(family, family), NEW))


async def runs(it) -> str:
    return (await it.driver.identify()).firmware


@FAMILIES
async def test_an_approved_image_is_installed_and_nothing_else_changes(family, folder, intent):
    async with bench(ALL[family], folder.parent, images=folder) as it:
        before = await runs(it)
        assert NEW not in before
        assert "firmware" in (await it.driver.abilities()).actions
        (shown,) = await it.driver.preview(intent)
        assert (shown.before, shown.after) == (before, intent.image)
        came = await tried(it, intent)
        assert isinstance(came, Deed)
        assert came.changes == (shown,)
        assert NEW in await runs(it)
        (shown,) = await it.driver.preview(intent)
        assert NEW in shown.before
        assert it.rig.writes.done == 1


@FAMILIES
async def test_while_it_flashes_nothing_is_known(family, folder, intent):
    async with bench(ALL[family], folder.parent, images=folder) as it:
        it.rig.writes.restart_s = 0.5
        await it.driver.act(intent)
        await left(it.rig)
        with pytest.raises(Unreachable):
            await it.driver.preview(intent)
        await it.back()
        (shown,) = await it.driver.preview(intent)
        assert NEW in shown.before


async def left(of) -> None:
    until_s = time.monotonic() + 40
    while any(door.state != "refused" for door in of.doors):
        assert time.monotonic() < until_s, "it never went away"
        await asyncio.sleep(0.005)


@FAMILIES
async def test_another_image_than_the_approved_one_is_not_sent(family, folder, intent, monkeypatch):
    sent = []
    monkeypatch.setattr(Upload, "blocks", sent.append)
    (folder / intent.image).write_bytes(flash.image("bitaxe", "6.6.6"))
    async with bench(ALL[family], folder.parent, images=folder) as it:
        before = await runs(it)
        came = await tried(it, intent)
        assert isinstance(came, Unsupported)
        assert "not the one that was approved; nothing was sent" in str(came)
        assert (await runs(it), it.rig.writes.done, sent) == (before, 0, [])


@FAMILIES
async def test_an_upload_that_is_cut_leaves_the_old_firmware(family, folder, intent):
    async with bench(ALL[family], folder.parent, images=folder) as it:
        before = await runs(it)
        it.rig.writes.body_bytes = 300_000
        assert isinstance(await tried(it, intent), Unreachable)
        assert (await runs(it), it.rig.writes.done) == (before, 0)
        it.rig.writes.body_bytes = None
        assert isinstance(await tried(it, intent), Deed)
        assert NEW in await runs(it)


@FAMILIES
@pytest.mark.parametrize("why", ["fault", "another vendor's", "cut on the disk"])
async def test_an_image_that_the_rig_refuses_leaves_the_old_firmware(family, why, folder, intent):
    async with bench(ALL[family], folder.parent, images=folder) as it:
        before = await runs(it)
        if why == "fault":
            it.rig.writes.faults = {WriteFault.REFUSED}
        elif why == "cut on the disk":
            whole = (folder / intent.image).read_bytes()
            intent = approved(folder, whole[:-1000])
        else:
            other = "epic" if family != "epic" else "vnish"
            intent = approved(folder, flash.image(other, NEW))
        assert isinstance(await tried(it, intent), BadAnswer)
        assert (await runs(it), it.rig.writes.done) == (before, 0)


@FAMILIES
async def test_a_rig_that_says_nothing_ends_in_time(family, folder, intent, monkeypatch):
    monkeypatch.setattr(images, "FLASH_S", 0.5)
    monkeypatch.setattr(images, "_SLOWEST_BYTES_PER_S", 1 << 30)
    async with bench(ALL[family], folder.parent, images=folder) as it:
        before = await runs(it)
        it.rig.writes.faults = {WriteFault.SILENT}
        assert isinstance(await tried(it, intent), TimedOut)
        assert (await runs(it), it.rig.writes.done) == (before, 0)


@FAMILIES
async def test_a_yes_alone_shows_no_other_version(family, folder, intent):
    async with bench(ALL[family], folder.parent, images=folder) as it:
        it.rig.writes.faults = {WriteFault.NO_EFFECT}
        came = await tried(it, intent)
        assert isinstance(came, Deed)
        assert tuple(await it.driver.preview(intent)) == came.changes


async def test_an_antminer_of_which_a_page_is_missing_does_not_say_its_firmware(folder):
    intent = approved(folder, flash.image("antminer", NEW))
    async with bench(ALL["antminer"], folder.parent, images=folder) as it:
        it.rig.doors[0].refuse()
        assert "does not say what firmware" in str(await tried(it, intent))
        assert it.rig.writes.done == 0


@pytest.mark.parametrize(
    "family",
    ["luxos", "braiins_rest", "braiins_graphql", "whatsminer", "whatsminer_v3", "avalon-q"],
)
async def test_a_family_without_a_known_way_refuses_by_its_name(family, folder):
    intent = approved(folder, b"some image")
    async with bench(ALL[family], folder.parent, images=folder) as it:
        assert "firmware" not in (await it.driver.abilities()).actions
        came = await tried(it, intent)
        assert isinstance(came, Unsupported)
        assert "offers no firmware" in str(came)
        assert it.rig.writes.done == 0


@FAMILIES
async def test_without_a_folder_of_images_it_is_not_offered(family, folder, intent):
    async with bench(ALL[family], folder.parent) as it:
        assert "firmware" not in (await it.driver.abilities()).actions
        assert "control.images_dir is not set" in str(await tried(it, intent))
        assert it.rig.writes.done == 0


@pytest.mark.parametrize(
    "name", ["../out.img", "a/b.img", "/etc/hostname", "..", ".hidden", 'a"b', "a\r\nb", "missing"]
)
async def test_a_name_reaches_nothing_outside_the_folder(name, folder):
    (folder.parent / "out.img").write_bytes(b"x")
    (folder / ".hidden").write_bytes(b"x")
    intent = UpdateFirmware(image=name, sha256=hashlib.sha256(b"x").hexdigest())
    with pytest.raises(Unsupported, match="nothing was sent"):
        await images.checked(folder, intent)


async def test_only_a_file_of_the_folder_itself_is_taken(folder, monkeypatch):
    intent = approved(folder, b"x", "real.img")
    (folder.parent / "out.img").write_bytes(b"x")
    (folder / "in.img").symlink_to("real.img")
    (folder / "out.img").symlink_to("../out.img")
    (folder / "dir.img").mkdir()
    os.mkfifo(folder / "fifo.img")
    (folder / "empty.img").touch()
    taken = await images.checked(folder, UpdateFirmware(image="in.img", sha256=intent.sha256))
    assert taken.path.read_bytes() == b"x"
    for name in ("out.img", "dir.img", "fifo.img", "empty.img"):
        with pytest.raises(Unsupported, match=name):
            await images.checked(folder, UpdateFirmware(image=name, sha256=intent.sha256))
    monkeypatch.setattr(images, "MAX_BYTES", 0)
    with pytest.raises(Unsupported, match="bytes"):
        await images.checked(folder, intent)


@pytest.mark.parametrize("change", ["other", "shorter", "gone"])
async def test_an_image_that_changes_while_it_is_sent_never_arrives_whole(change, folder):
    data = os.urandom(600_000)
    image = await images.checked(folder, approved(folder, data))
    if change == "gone":
        image.path.unlink()
    else:
        image.path.write_bytes(data[:-1] + b"?" if change == "other" else data[:-1])
    sent = []

    async def send() -> None:
        async for block in Upload(image).blocks():
            sent.append(len(block))  # noqa: PERF401 -- what came before it broke off counts

    with pytest.raises(Refused, match=image.path.name.split()[0]):
        await send()
    assert sum(sent) < image.size_bytes


async def test_an_image_is_sent_in_blocks_of_a_bounded_size(folder):
    data = os.urandom(1_000_000)
    upload = Upload(await images.checked(folder, approved(folder, data)))
    blocks = [block async for block in upload.blocks()]
    assert b"".join(blocks) == data
    assert upload.size == len(data)
    form = images.in_form(upload.image, "file", fields={"password": "s3cret-pw"})
    assert b"s3cret-pw" in form.before
    assert "s3cret-pw" not in repr(form)
    assert max(map(len, blocks)) <= 256 << 10


async def test_a_refusal_before_the_end_is_heard(serve, folder):
    heard = asyncio.Event()

    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await heard.wait()  # and reads no more

    host, _, port = (await serve(refuse)).partition(":")
    big = folder / "big.img"
    with big.open("wb") as file:
        file.truncate(64 << 20)
    upload = Upload(Image(big, 64 << 20, "0" * 64))
    response = await images.post(Web(host, int(port)), "/up", upload)
    heard.set()
    assert response.status == 413
