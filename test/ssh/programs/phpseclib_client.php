<?php
// Lists, puts and gets a file. Arguments: PORT USER IDENTITY UPLOAD REMOTE DOWNLOAD.
require_once 'phpseclib3/autoload.php';

[, $port, $user, $identity, $upload, $remote, $download] = $argv;
$sftp = new phpseclib3\Net\SFTP('127.0.0.1', (int) $port, 60);
$key = phpseclib3\Crypt\PublicKeyLoader::load(file_get_contents($identity));
$ok = $sftp->login($user, $key) && $sftp->put($remote, $upload, phpseclib3\Net\SFTP::SOURCE_LOCAL_FILE);
echo implode("\n", $sftp->nlist('/uploads') ?: []), "\n";
$ok = $ok && $sftp->get($remote, $download);
fwrite(STDERR, implode("\n", $sftp->getErrors()));
exit($ok ? 0 : 1);
