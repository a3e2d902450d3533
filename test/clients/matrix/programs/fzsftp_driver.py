"""Runs the steps with fzsftp, the program that speaks SFTP for FileZilla. Arguments: PORT USER PASSWORD.

FileZilla starts fzsftp and sends it commands. fzsftp answers with events, each with a letter first, and asks for the
bytes of a file by events too. The bytes pass through memory that both processes share.
"""
import mmap
import os
import subprocess
import sys

from lines import serve

port, user, password = sys.argv[1:]
protocol = 11
buffer_bytes = 256 * 1024

# Events by their number in this version of the protocol. Each is followed by so many lines.
events = (
    "reply done error verbose info status recv send listentry ask_hostkey ask_hostkey_changed ask_hostkey_better"
    " ask_password transfer preamble instruction used_recv used_send kex kex_hash kex_curve cipher_up cipher_down"
    " mac_up mac_down hostkey io_size io_open io_nextbuf io_finalize"
).split()
line_counts = dict.fromkeys(events, 1) | {
    "used_recv": 0, "used_send": 0, "io_size": 0, "listentry": 3,
    "ask_hostkey": 2, "ask_hostkey_changed": 2, "ask_hostkey_better": 2,
}
first_event = ord("0")

memory_fd = os.memfd_create("buffers", 0)
os.ftruncate(memory_fd, buffer_bytes)
memory = mmap.mmap(memory_fd, buffer_bytes)
child = subprocess.Popen(["fzsftp", "-v"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[memory_fd])


class Refused(Exception):
    pass


def send(text):
    child.stdin.write(text.encode() + b"\n")
    child.stdin.flush()


def next_event():
    letter = child.stdout.read(1)
    if not letter:
        raise EOFError("fzsftp has ended")
    name = events[letter[0] - first_event]
    return name, [child.stdout.readline().decode().rstrip("\r\n") for _ in range(line_counts[name])]


class Upload:
    def __init__(self, path):
        self.file = open(path, "rb")

    def open(self, offset):
        self.file.seek(int(offset))
        return f"-{memory_fd} {buffer_bytes} {offset}"

    def next(self, _):
        count = self.file.readinto(memory)
        return f"-0 {count}" if count else "-0"


class Download:
    def __init__(self, path, resumes):
        self.file = open(path, "ab" if resumes else "wb")
        self.started = False

    def open(self, _):
        return f"-{memory_fd} {buffer_bytes} {self.file.tell()}"

    def next(self, processed):
        self.file.write(memory[: int(processed)])
        return f"-0 {buffer_bytes}"

    def finalize(self, processed):
        self.next(processed)
        self.file.close()
        return "-1"


def command(text, transfer=None):
    """Sends a command and serves the events until its reply. Raises Refused with the errors."""
    errors = []
    if text is not None:
        send(text)
    while True:
        name, lines = next_event()
        if name == "io_open":
            send(transfer.open(lines[0]))
        elif name == "io_nextbuf":
            send(transfer.next(lines[0]))
        elif name == "io_finalize":
            send(transfer.finalize(lines[0]))
        elif name == "used_recv":
            send("-0-")
        elif name == "used_send":
            send("-1-")
        elif name.startswith("ask_hostkey"):
            send("n")  # trusts the key this time
        elif name == "ask_password":
            send(password)
        elif name == "error":
            errors += lines
        elif name == "reply":
            return lines[0]
        elif name == "done":
            # After chmod, this version reports 0 whether it succeeded or not.
            if lines[0] == "1" or (text.startswith("chmod ") and not errors):
                return ""
            raise Refused(" | ".join(errors) or f"done {lines[0]}")


def quoted(path):
    return '"' + path.replace('"', '""') + '"'


def put(verb):
    return lambda local, remote: command(f"{verb} {quoted(local)} {quoted(remote)}", Upload(local)) and None


def get(verb):
    resumes = verb == "reget"
    return lambda remote, local: command(
        f"{verb} {quoted(remote)} {quoted(local)}", Download(local, resumes)
    ) and None


def put_times(local, remote):
    put("put")(local, remote)
    command(f"chmtime {int(os.stat(local).st_mtime)} {quoted(remote)}")


started = command(None)
if started != f"fzSftp started, protocol_version={protocol}":
    sys.exit(f"another protocol of fzsftp: {started}")
command(f'open "{user}@127.0.0.1" {port}')
serve(
    {
        "put": put("put"),
        "get": get("get"),
        "resumePut": put("reput"),
        "resumeGet": get("reget"),
        "rename": lambda old, new: command(f"mv {quoted(old)} {quoted(new)}") and None,
        "replace": lambda old, new: command(f"mv {quoted(old)} {quoted(new)}") and None,
        "mkdir": lambda path: command(f"mkdir {quoted(path)}") and None,
        "rmdir": lambda path: command(f"rmdir {quoted(path)}") and None,
        "putTimes": put_times,
        "chmod": lambda mode, path: command(f"chmod {mode} {quoted(path)}") and None,
    }
)
child.stdin.close()
child.wait()
