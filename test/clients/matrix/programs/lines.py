"""Reads steps from the standard input, one a line, and answers each with a line."""
import sys


def serve(steps):
    """Runs the steps by their names until the input ends. A step that is not in `steps` is absent."""
    for line in sys.stdin:
        name, *arguments = line.rstrip("\n").split("\t")
        if name not in steps:
            answer = "absent"
        else:
            try:
                answer = f"done\t{steps[name](*arguments) or ''}"
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                answer = "failed\t" + text.replace("\n", " ").replace("\t", " ")
        print(answer, flush=True)
