"""Fixtures for paramiko's own tests of SFTP against a gateway. The environment names the gateway and the directory."""
import os
import time

import pytest
from paramiko import Ed25519Key, SFTPClient, Transport

area = os.environ["SFTPGW_AREA"]
folder = f"{area}/paramiko-test-target"


@pytest.fixture
def sftp():
    transport = Transport(("127.0.0.1", int(os.environ["SFTPGW_PORT"])))
    key = Ed25519Key.from_private_key_file(os.environ["SFTPGW_IDENTITY"])
    transport.connect(username=os.environ["SFTPGW_USER"], pkey=key)
    client = SFTPClient.from_transport(transport)
    client.FOLDER = folder
    remove(client, folder)
    client.mkdir(folder)
    yield client
    client.chdir(None)
    remove(client, folder)
    transport.close()


def remove(client, path):
    """Removes a directory with its content, if it exists."""
    try:
        entries = client.listdir_attr(path)
    except IOError:
        return
    for entry in entries:
        name = f"{path}/{entry.filename}"
        if entry.longname.startswith("d"):
            remove(client, name)
        else:
            client.remove(name)
    client.rmdir(path)
