"""Pictures of every page, light, dark and on a phone, for eyes: `make screens` (ONLY=home,problem for some of them)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.harness.browser import PHONE
from tests.harness.pages import EVERY, browsing, filled_gateway, visit

FOLDER = Path("screens")
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "is_mobile": True},
}


async def main() -> None:
    """Write them all."""
    only = set(filter(None, os.environ.get("ONLY", "").split(",")))
    pages = [name for name in EVERY if not only or name in only]
    with TemporaryDirectory() as folder:
        async with filled_gateway(Path(folder)) as gateway:
            for look, options in LOOKS.items():
                async with browsing(gateway, reduced_motion="reduce", **options) as page:
                    for name in pages:
                        await visit(page, name)
                        file = FOLDER / look / f"{name.replace(' ', '-')}.png"
                        await page.screenshot(path=file, full_page=True)
    print(f"{len(pages) * len(LOOKS)} pictures in {FOLDER}/")


if __name__ == "__main__":
    asyncio.run(main())
