"""`python -m smears check FOLDER`, `... card RUN`: what people ask of their pictures and runs."""

import sys
from importlib import import_module

COMMANDS = ("check", "card")


def main(argv):
    """Hand the rest of the arguments to a command; 2 if there is none of that name."""
    if argv and argv[0] in COMMANDS:
        # Only now, for scikit-learn, which cards need and checks do not, takes seconds to import.
        return import_module(f"smears.{argv[0]}").main(argv[1:])
    print(f"usage: python -m smears {{{','.join(COMMANDS)}}} ... (--help after a command)")
    return 0 if argv in (["--help"], ["-h"]) else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
