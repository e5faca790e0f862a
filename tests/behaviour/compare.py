"""Compare two recordings: `python tests/behaviour/compare.py BEFORE.json AFTER.json`; exit code 1 where they differ."""

import json
import sys
from pathlib import Path


def main() -> int:
    """List what differs, what is missing and what is new."""
    before, after = (json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:3])
    differing = [name for name in before if name in after and before[name] != after[name]]
    for title, names in {
        "different": differing,
        "missing": [name for name in before if name not in after],
        "new": [name for name in after if name not in before],
    }.items():
        for name in names:
            detail = f": {before[name]} -> {after[name]}" if name in differing and len(str(before[name])) < 40 else ""
            print(f"{title:10} {name}{detail}")
    print(f"{len(before)} recorded, {len(differing)} different")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
