"""What the learned opinion has shown at sites, and what people decide by it.

judgement_state ─► kept ─► what lacks ─► a person's decision ─► learned_decision ─► SecondOpinion
"""

from collections.abc import Mapping
from typing import Any

from lode_hub.errors import ConflictError, NotFoundError
from lode_hub.sites.judgement.snapshots import VERSIONS, unpacked
from lode_hub.store import Store, learned
from lode_hub.store.asking import asking
from lode_models.rig import Kept, Stage


def kept(row: Mapping[str, Any], model_sha256: str) -> Kept | None:
    """Give what is kept of a model at a site, of a row of `learned.sites`; None before it judged.

    What cannot be read is nothing here: the worker that would go on from it tells the log.
    """
    if row["state"] is None or row["version"] != VERSIONS["learned"]:
        return None
    try:
        found = Kept.of(unpacked(row["state"]))
    except ValueError:
        return None
    return found if found.trial.model_sha256 == model_sha256 else None


def lacks(found: Kept | None) -> tuple[str, ...]:
    """Say what keeps a person from letting the model advise; nothing if they may."""
    if found is None:
        return ("it has not judged here yet",)
    drifting = ", ".join(drift.words for drift in found.drift.drifts)
    said = (f"it drifts, so it would be silent: {drifting}",) if drifting else ()
    return found.trial.lacks() + said


async def decide(store: Store, site: str, stage: Stage, by: str, now_ms: int) -> None:
    """Note that a person lets the model advise at a site, or no more; once said is enough.

    Raises:
        NotFoundError: there is no such site.
        ConflictError: no model is at work, or it has not shown enough to advise.
    """
    async with asking(store) as conn, conn.transaction():
        rows = await learned.sites(conn, site)
        if not rows:
            raise NotFoundError(f"site {site}: there is no such site; see /api/v1/sites")
        (row,) = rows
        if (row["stage"] or "shadow") == stage:
            return
        model = await learned.model(conn)
        found = kept(row, model["card"]["model_sha256"]) if model else None
        missing = lacks(found) if stage == "advisory" or found is None else ()
        if found is None or missing:
            raise ConflictError(
                f"learned opinion at {site}: it stays in shadow: {'; '.join(missing)}; "
                "come back when that is so"
            )
        await learned.decide(conn, row["site_id"], stage, by, trial=found.trial, now_ms=now_ms)
