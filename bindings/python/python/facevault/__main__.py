"""``python -m facevault setup`` installs what facevault needs; ``python -m facevault info`` says what is there."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import List, Optional

from . import Engine, Error, __version__, setup


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs a command and answers its exit code."""
    parser = argparse.ArgumentParser(prog="python -m facevault", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("setup", help="install a pack and ONNX Runtime")
    install.add_argument("--pack", default="standard")
    install.add_argument("--data-dir")
    install.add_argument("--from", dest="from_dir", help="a folder with the files, instead of the network")
    install.add_argument("--accept-licence", action="store_true")
    info = commands.add_parser("info", help="open a pack and say what runs")
    info.add_argument("--pack", default="standard")
    info.add_argument("--data-dir")
    given = vars(parser.parse_args(arguments))
    command = given.pop("command")
    try:
        if command == "setup":
            installed = setup(**given)
            print("\n".join(f"installed {path}" for path in installed) or "everything is installed")
        else:
            with Engine(given["pack"], data_dir=given["data_dir"]) as engine:
                described = dataclasses.asdict(engine.describe())
            described.pop("calibration")
            print(json.dumps(described, indent=2))
    except Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if error.kind == "invalid" else 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
