# Runs the steps with Net::SFTP::Foreign over OpenSSH's ssh. Arguments: PORT USER IDENTITY.
use strict;
use warnings;
use Net::SFTP::Foreign;
use Net::SFTP::Foreign::Constants qw(SSH2_FXF_WRITE);

my ($port, $user, $identity) = @ARGV;
my @options = map { (-o => $_) }
    qw(IdentitiesOnly=yes BatchMode=yes StrictHostKeyChecking=no UserKnownHostsFile=/dev/null LogLevel=ERROR);
my $sftp = Net::SFTP::Foreign->new(
    host => '127.0.0.1', user => $user, port => $port, more => [-i => $identity, @options], fs_encoding => 'UTF-8');
$sftp->die_on_error('cannot connect');

sub bytes_of {
    my ($path) = @_;
    open my $file, '<:raw', $path or die $!;
    local $/;
    return <$file>;
}

my %steps = (
    put => sub { $sftp->put($_[0], $_[1], copy_time => 0, copy_perm => 0) },
    get => sub { $sftp->get($_[0], $_[1]) },
    resumePut => sub { $sftp->put($_[0], $_[1], resume => 1, copy_time => 0, copy_perm => 0) },
    resumeGet => sub { $sftp->get($_[0], $_[1], resume => 1) },
    rename => sub { $sftp->rename($_[0], $_[1]) },
    replace => sub { $sftp->atomic_rename($_[0], $_[1]) },
    mkdir => sub { $sftp->mkdir($_[0]) },
    rmdir => sub { $sftp->rmdir($_[0]) },
    putTree => sub { $sftp->rput($_[0], $_[1]) and not $sftp->error },
    getTree => sub { $sftp->rget($_[0], $_[1]) and not $sftp->error },
    putTimes => sub { $sftp->put($_[0], $_[1], copy_time => 1, copy_perm => 0) },
    chmod => sub { $sftp->chmod($_[1], oct $_[0]) },
    append => sub { $sftp->put($_[0], $_[1], append => 1, copy_time => 0, copy_perm => 0) },
    change => sub {
        my $handle = $sftp->open($_[0], SSH2_FXF_WRITE) or return;
        defined $sftp->seek($handle, $_[1]) and $sftp->write($handle, $_[2]) and $sftp->close($handle);
    },
    truncate => sub { $sftp->truncate($_[0], $_[1]) },
    symlink => sub { $sftp->symlink($_[1], $_[0]) },
    df => sub { my $found = $sftp->statvfs($_[0]) or return; $found->{bavail} },
);
binmode $_, ':encoding(UTF-8)' for *STDIN, *STDOUT;
$| = 1;
while (my $line = <STDIN>) {
    chomp $line;
    my ($name, @arguments) = split /\t/, $line;
    my $step = $steps{$name};
    if (!$step) { print "absent\n"; next }
    my $result = eval { $step->(@arguments) };
    my $text = $@ || ($result ? '' : $sftp->error . ', ' . $sftp->status);
    $text =~ s/[\n\t]/ /g;
    print $result ? "done\t$result\n" : "failed\t$text\n";
}
