<?php
// Runs the steps with phpseclib. Arguments: PORT USER IDENTITY.
require_once 'phpseclib3/autoload.php';

use phpseclib3\Net\SFTP;

[, $port, $user, $identity] = $argv;
$sftp = new SFTP('127.0.0.1', (int) $port, 60);
$sftp->login($user, phpseclib3\Crypt\PublicKeyLoader::load(file_get_contents($identity))) || exit(1);
$file = SFTP::SOURCE_LOCAL_FILE;

function putTree(SFTP $sftp, string $local, string $remote): bool
{
    $ok = $sftp->mkdir($remote);
    foreach (array_diff(scandir($local), ['.', '..']) as $name) {
        $ok = $ok && (is_dir("$local/$name")
            ? putTree($sftp, "$local/$name", "$remote/$name")
            : $sftp->put("$remote/$name", "$local/$name", SFTP::SOURCE_LOCAL_FILE));
    }
    return $ok;
}

function getTree(SFTP $sftp, string $remote, string $local): bool
{
    $ok = mkdir($local);
    foreach ($sftp->rawlist($remote) as $name => $entry) {
        if ($name === '.' || $name === '..') {
            continue;
        }
        $ok = $ok && ($entry['type'] === NET_SFTP_TYPE_DIRECTORY
            ? getTree($sftp, "$remote/$name", "$local/$name")
            : $sftp->get("$remote/$name", "$local/$name"));
    }
    return $ok;
}

$steps = [
    'put' => fn ($local, $remote) => $sftp->put($remote, $local, $file),
    'get' => fn ($remote, $local) => $sftp->get($remote, $local),
    'resumePut' => fn ($local, $remote) => $sftp->put($remote, $local, $file | SFTP::RESUME_START),
    'resumeGet' => function ($remote, $local) use ($sftp) {
        $rest = $sftp->get($remote, false, filesize($local));
        return $rest !== false && file_put_contents($local, $rest, FILE_APPEND) !== false;
    },
    'rename' => fn ($from, $to) => $sftp->rename($from, $to),
    'replace' => fn ($from, $to) => $sftp->rename($from, $to),
    'mkdir' => fn ($path) => $sftp->mkdir($path),
    'rmdir' => fn ($path) => $sftp->rmdir($path),
    'putTree' => fn ($local, $remote) => putTree($sftp, $local, $remote),
    'getTree' => fn ($remote, $local) => getTree($sftp, $remote, $local),
    'putTimes' => fn ($local, $remote) => $sftp->put($remote, $local, $file)
        && $sftp->touch($remote, filemtime($local), filemtime($local)),
    'chmod' => fn ($mode, $path) => $sftp->chmod(octdec($mode), $path) !== false,
    'append' => fn ($local, $remote) => $sftp->put($remote, file_get_contents($local), SFTP::SOURCE_STRING | SFTP::RESUME),
    'change' => fn ($remote, $offset, $text) => $sftp->put($remote, $text, SFTP::SOURCE_STRING, (int) $offset),
    'truncate' => fn ($path, $size) => $sftp->truncate($path, (int) $size),
    'symlink' => fn ($target, $link) => $sftp->symlink($target, $link),
];
while (($line = fgets(STDIN)) !== false) {
    $arguments = explode("\t", rtrim($line, "\n"));
    $name = array_shift($arguments);
    if (!isset($steps[$name])) {
        echo "absent\n";
        continue;
    }
    $before = count($sftp->getSFTPErrors());
    $ok = $steps[$name](...$arguments);
    $errors = array_slice($sftp->getSFTPErrors(), $before);
    echo $ok ? "done\n" : "failed\t" . strtr(implode(' | ', $errors), "\n\t", '  ') . "\n";
}
