"""Does random operations and prints each one that the server has acknowledged, until the connection breaks.

Arguments: PORT USER IDENTITY SEED. A line is a JSON array: the action and the path, as the audit trail has them.
"""
import json
import random
import sys

import paramiko
from paramiko.sftp import CMD_CLOSE

port, user, identity, seed = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
chance = random.Random(seed)


def done(action, path):
    sys.stdout.write(json.dumps([action, path]) + "\n")
    sys.stdout.flush()


def close(sftp, file):
    # SFTPFile.close() hides errors and a lost connection.
    sftp._request(CMD_CLOSE, file.handle)
    file._closed = True


def write(sftp, path):
    file = sftp.open(path, "wb")
    file.write(chance.randbytes(chance.choice([0, 10, 4096, 50_000])))
    file.flush()
    close(sftp, file)
    done("file.write", path)


def read(sftp, path):
    file = sftp.open(path, "rb")
    file.read(4096)
    close(sftp, file)
    done("file.read", path)


def operate(sftp, number, files, directories):
    kind = chance.choice(["write", "write", "write", "read", "rename", "remove", "mkdir", "rmdir"])
    name = f"{chance.choice(['/uploads', '/local'])}/{seed}-{number}"
    if kind == "mkdir":
        sftp.mkdir(name)
        directories.append(name)
        done("directory.make", name)
    elif kind == "rmdir" and directories:
        path = directories.pop()
        sftp.rmdir(path)
        done("directory.remove", path)
    elif kind == "write" or not files:
        write(sftp, name)
        files.append(name)
    elif kind == "read":
        read(sftp, chance.choice(files))
    elif kind == "remove":
        path = files.pop(chance.randrange(len(files)))
        sftp.remove(path)
        done("file.remove", path)
    elif kind == "rename":
        path = files.pop(chance.randrange(len(files)))
        target = path + "r"
        sftp.rename(path, target)
        files.append(target)
        done("file.rename", path)


key = paramiko.Ed25519Key.from_private_key_file(identity)
transport = paramiko.Transport(("127.0.0.1", port))
try:
    transport.connect(username=user, pkey=key)
    session = paramiko.SFTPClient.from_transport(transport)
    known_files, known_directories = [], []
    for step in range(100_000):
        operate(session, step, known_files, known_directories)
except (EOFError, OSError, paramiko.SSHException):
    pass
finally:
    transport.close()
