"""Reads parts of a file over SFTP. Arguments: PORT USER IDENTITY REMOTE LOCAL. Both files have the same content."""
import random
import sys

import paramiko

port, user, identity, path, local = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]
key = paramiko.Ed25519Key.from_private_key_file(identity)
transport = paramiko.Transport(("127.0.0.1", port))
transport.connect(username=user, pkey=key)
sftp = paramiko.SFTPClient.from_transport(transport)

with open(local, "rb") as source:
    body = source.read()
assert sftp.stat(path).st_size == len(body)

pick = random.Random(7)
with sftp.open(path, "rb") as remote:
    for offset in [0, 1, len(body) - 1, len(body) - 70_000] + [pick.randrange(len(body)) for _ in range(20)]:
        length = pick.randrange(1, 100_000)
        remote.seek(offset)
        assert remote.read(length) == body[offset:offset + length], (offset, length)
    remote.seek(len(body))
    assert remote.read(10) == b""
    wanted = [(pick.randrange(len(body) - 50_000), pick.randrange(1, 50_000)) for _ in range(12)]
    for (offset, length), part in zip(wanted, remote.readv(wanted)):  # many in flight
        assert part == body[offset:offset + length], (offset, length)

transport.close()
print("all parts are right")
