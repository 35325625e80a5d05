"""`python -m smears check FOLDER`, `... card RUN`: what people ask of their pictures and runs."""

import sys

from smears import card, check

COMMANDS = {"check": check.main, "card": card.main}


def main(argv):
    """Hand the rest of the arguments to a command; 2 if there is none of that name."""
    if argv and argv[0] in COMMANDS:
        return COMMANDS[argv[0]](argv[1:])
    print(f"usage: python -m smears {{{','.join(COMMANDS)}}} ... (--help after a command)")
    return 0 if argv in (["--help"], ["-h"]) else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
