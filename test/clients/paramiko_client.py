"""Uses SFTP as a Python program does, step by step. Arguments: PORT USER IDENTITY WORKDIR."""
import io
import os
import sys

import paramiko

port, user, identity, work = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
key = paramiko.Ed25519Key.from_private_key_file(identity)
transport = paramiko.Transport(("127.0.0.1", port))
transport.connect(username=user, pkey=key)
sftp = paramiko.SFTPClient.from_transport(transport)

body = os.urandom(12 * 1024 * 1024 + 5)
path = os.path.join(work, "paramiko.bin")
with open(path, "wb") as out:
    out.write(body)

sftp.mkdir("/uploads/paramiko")
put = sftp.put(path, "/uploads/paramiko/one")  # checks the size with STAT afterwards
assert put.st_size == len(body), put.st_size
assert sftp.listdir("/uploads/paramiko") == ["one"]

back = io.BytesIO()
sftp.getfo("/uploads/paramiko/one", back)  # prefetches: many reads in flight
assert back.getvalue() == body

with sftp.open("/uploads/paramiko/one", "rb") as remote:  # reads at random offsets
    for offset in (0, 5, len(body) - 10, 7_000_000):
        remote.seek(offset)
        assert remote.read(1000) == body[offset:offset + 1000], offset

with sftp.open("/uploads/paramiko/piped", "wb") as remote:  # many small writes in flight
    remote.set_pipelined(True)
    for at in range(0, 3_000_000, 1000):
        remote.write(body[at:at + 1000])
assert sftp.stat("/uploads/paramiko/piped").st_size == 3_000_000

sftp.utime("/uploads/paramiko/piped", (1_400_000_000, 1_400_000_000))
assert sftp.stat("/uploads/paramiko/piped").st_mtime == 1_400_000_000

sftp.posix_rename("/uploads/paramiko/piped", "/uploads/paramiko/one")
assert sftp.stat("/uploads/paramiko/one").st_size == 3_000_000
try:
    sftp.stat("/uploads/paramiko/piped")
except FileNotFoundError:
    pass
else:
    raise AssertionError("the old name still exists")

try:
    sftp.rmdir("/uploads/paramiko")
except OSError:
    pass
else:
    raise AssertionError("a directory that is not empty was removed")
sftp.remove("/uploads/paramiko/one")
sftp.rmdir("/uploads/paramiko")

for line in ("one\n", "two\n", "three\n"):
    with sftp.open("/uploads/log", "a") as remote:
        remote.write(line)
with sftp.open("/uploads/edited", "w") as remote:
    remote.write(b"zero one two three")
with sftp.open("/uploads/edited", "r+") as remote:  # changes in the middle, and reads them
    remote.seek(5)
    remote.write(b"ONE")
    remote.flush()
    remote.seek(0)
    assert remote.read() == b"zero ONE two three"
    remote.truncate(12)
sftp.truncate("/uploads/edited", 14)
with sftp.open("/uploads/edited") as remote:
    assert remote.read() == b"zero ONE two\0\0"
sftp.remove("/uploads/edited")
with sftp.open("/uploads/log") as remote:
    assert remote.read() == b"one\ntwo\nthree\n"
sftp.remove("/uploads/log")

with sftp.open("/local/note", "w") as remote:
    remote.write("stays here")
with sftp.open("/local/note", "a") as remote:
    remote.write(", appended")
with sftp.open("/local/note") as remote:
    assert remote.read() == b"stays here, appended"
transport.close()
print("all steps passed")
