"""Check, before a server begins to listen, that nobody is let in by mistake: `check_access`."""

from __future__ import annotations

import logging

from app.core.exceptions import DatabaseUnavailable
from app.core.settings import Settings
from models.errors import InvalidInput

logger = logging.getLogger(__name__)


def check_access(settings: Settings) -> None:
    """Raise InvalidInput where others would be served without a key, or for a bad file of keys."""
    if settings.opens_without_keys and settings.api_keys_file is None:
        return
    from app.stores import Stores

    stores = Stores.open(settings)
    try:
        stores.keys.refresh()
    except DatabaseUnavailable as error:
        logger.warning("%s; nobody is let in until its API keys can be read", error)
        return
    finally:
        stores.database.close()
    if stores.keys.is_empty and not settings.opens_without_keys:
        raise InvalidInput(
            "host",
            f"{settings.host} is reached from other machines, and there is no API key: make one with `nextword keys "
            "create NAME`, or set NEXTWORD_INSECURE=1 to serve everybody who reaches it",
        )
