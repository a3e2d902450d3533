"""Lists, puts and gets a file. Arguments: PORT USER IDENTITY UPLOAD REMOTE DOWNLOAD."""
import sys

import paramiko

port, user, identity, upload, remote, download = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(identity))
sftp = paramiko.SFTPClient.from_transport(transport)
sftp.put(upload, remote)
print(*sftp.listdir("/uploads"), sep="\n")
sftp.get(remote, download)
transport.close()
