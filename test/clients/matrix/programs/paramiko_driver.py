"""Runs the steps with paramiko. Arguments: PORT USER IDENTITY."""
import os
import sys

import paramiko

from lines import serve

port, user, identity = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(identity))
sftp = paramiko.SFTPClient.from_transport(transport)
piece = 32768


def copy(source, target):
    while data := source.read(piece):
        target.write(data)


def resume_put(local, remote):
    with sftp.open(remote, "ab") as target, open(local, "rb") as source:
        target.set_pipelined(True)
        source.seek(sftp.stat(remote).st_size)
        copy(source, target)


def resume_get(remote, local):
    with sftp.open(remote, "rb") as source, open(local, "ab") as target:
        source.seek(target.tell())
        copy(source, target)


def append(local, remote):
    with sftp.open(remote, "ab") as target, open(local, "rb") as source:
        copy(source, target)


def change(remote, offset, text):
    with sftp.open(remote, "r+b") as target:
        target.seek(int(offset))
        target.write(text.encode())


def put_times(local, remote):
    sftp.put(local, remote)
    found = os.stat(local)
    sftp.utime(remote, (int(found.st_atime), int(found.st_mtime)))


serve(
    {
        "put": lambda local, remote: sftp.put(local, remote) and None,
        "get": sftp.get,
        "resumePut": resume_put,
        "resumeGet": resume_get,
        "rename": sftp.rename,
        "replace": sftp.posix_rename,
        "mkdir": sftp.mkdir,
        "rmdir": sftp.rmdir,
        "putTimes": put_times,
        "chmod": lambda mode, path: sftp.chmod(path, int(mode, 8)),
        "append": append,
        "change": change,
        "truncate": lambda path, size: sftp.truncate(path, int(size)),
        "symlink": sftp.symlink,
    }
)
transport.close()
