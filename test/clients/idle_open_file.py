"""Keeps a file open without requests for 3 seconds, then writes to it. Arguments: the port and the private key."""

import sys
import time

import paramiko

port, key = int(sys.argv[1]), sys.argv[2]
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect("127.0.0.1", port, "bob", key_filename=key, allow_agent=False, look_for_keys=False)
with client.open_sftp() as sftp:
    with sftp.open("/uploads/open", "w") as file:
        file.write(b"begin")
        file.flush()
        time.sleep(3)
        file.write(b"end")
    assert sftp.stat("/uploads/open").st_size == 8
print("written after 3 s")
client.close()
