"""With `lists`, prints the algorithms that paramiko supports. With PORT USER IDENTITY, connects once for each case on stdin.

Each case is a line of JSON with kex, cipher, mac and hostKey. For each, a line is printed: `ok`, or the error.
"""
import json
import sys

import paramiko
from paramiko.transport import Transport


def attempt(port, user, key, case):
    transport = Transport(("127.0.0.1", port))
    try:
        options = transport.get_security_options()
        options.kex = (case["kex"],)
        options.ciphers = (case["cipher"],)
        options.digests = (case["mac"],)
        options.key_types = (case["hostKey"],)
        transport.connect(username=user, pkey=key)
        paramiko.SFTPClient.from_transport(transport).listdir("/")
        return "ok"
    except Exception as error:
        return repr(error)
    finally:
        transport.close()


if sys.argv[1] == "lists":
    print(json.dumps({
        "kex": Transport._preferred_kex,
        "cipher": Transport._preferred_ciphers,
        "mac": Transport._preferred_macs,
        "hostKey": Transport._preferred_keys,
    }))
else:
    key = paramiko.Ed25519Key.from_private_key_file(sys.argv[3])
    for line in sys.stdin:
        print(attempt(int(sys.argv[1]), sys.argv[2], key, json.loads(line)))
