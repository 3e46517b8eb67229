/**
 * The agent: a small program in the guest that runs commands for its host, over hv_sock, without a network. It also sets a
 * clock that is wrong: Linux takes the host's time as an order only when the machine starts.
 *
 * It is Perl, because every Debian has `perl-base` and a text needs no compiler; it loads no module, so that the
 * interpreter and its C library are all that an initial root file system must hold. Its frames are those of `frames.ts`.
 * Only the host (CID 2) is served, and only root can listen where it does: ports below 1024 are root's.
 *
 *     agent          accepts connections, forks a process for each
 *     └─ session     reads frames, moves bytes between the connection and the command; nothing in it blocks
 *        └─ command  in a session and process group of its own, with pipes or a pseudo-terminal
 */

/** Where the agent listens. */
export const AGENT_PORT = 1000;

/** The program. `--unix PATH` makes it listen at a Unix socket instead: for tests. */
export const AGENT_PROGRAM = String.raw`#!/usr/bin/perl
# Ringlet's agent: runs commands for the host of this guest (ringlet exec).
my ($AF_UNIX, $AF_VSOCK, $STREAM, $HOST, $ANY, $PORT) = (1, 40, 1, 2, 0xffffffff, ${AGENT_PORT});
my ($GETFL, $SETFL, $NONBLOCK, $EAGAIN, $EINTR, $WNOHANG) = (3, 4, 2048, 11, 4, 1);
my ($SETSID, $LOCKPT, $PTN, $WINSZ, $CTTY) = (112, 0x40045431, 0x80045430, 0x5414, 0x540E);
my ($GETTIME, $SETTIME) = (228, 227);
my ($MOST, $CHUNK) = (131072, 32768);
my $clock;
$0 = 'ringlet-agent';
$^F = 2;

socket(my $listener, @ARGV ? $AF_UNIX : $AF_VSOCK, $STREAM, 0) or die "no socket: $!\n";
bind($listener, @ARGV ? pack('S a108', $AF_UNIX, $ARGV[1]) : pack('S S L L x4', $AF_VSOCK, 0, $PORT, $ANY))
  or die "cannot listen: $!\n";
listen($listener, 64) or die "cannot listen: $!\n";
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
while (1) {
  my $r = '';
  want(\$r, $listener);
  my $asked = select $r, undef, undef, 10;
  mind_clock() if !@ARGV;
  next if $asked < 1;
  my $from = accept(my $peer, $listener);
  if (!$from) { next if $! == $EINTR; die "cannot accept: $!\n" }
  next if !@ARGV && (unpack 'S S L L', $from)[3] != $HOST;
  my $pid = fork;
  next if !defined $pid || $pid;
  close $listener;
  session($peer);
  exit 0;
}

# Sets a clock that is wrong by more than a second. The kernel has the host's time as a PTP clock, and leaves it at that.
sub mind_clock {
  return if !$clock && !open $clock, '<', host_clock();
  my $time = pack 'q q', 0, 0;
  return if syscall($GETTIME, ~fileno($clock) << 3 | 3, $time) != 0;
  my $host = (unpack 'q q', $time)[0];
  syscall($SETTIME, 0, $time) if abs($host - time) > 1;
}

sub host_clock {
  for (0 .. 15) {
    open my $name, '<', "/sys/class/ptp/ptp$_/clock_name" or next;
    return "/dev/ptp$_" if readline($name) =~ /^hyperv/;
  }
  return '';
}

sub session {
  my ($peer) = @_;
  $SIG{CHLD} = sub { };
  nonblocking($peer);
  # What came and what is to go: frames, the command's input, what the host has not been told of yet.
  my ($received, $unsent, $input, $input_ended) = ('', '', '', 0);
  my ($pid, $in, $out, $err, $tty, $status);
  my $deadline;
  while (1) {
    my ($r, $w) = ('', '');
    want(\$r, $peer);
    want(\$w, $peer) if length $unsent;
    if (length $unsent < $MOST) { want(\$r, $out) if $out; want(\$r, $err) if $err }
    want(\$w, $in) if $in && length $input;
    # Interrupted, it leaves the sets as they were: what is not ready would be waited for.
    ($r, $w) = ('', '') if select($r, $w, undef, 1) < 1;
    if (ready($r, $peer)) {
      my $n = sysread($peer, $received, $CHUNK, length $received);
      if (defined $n ? !$n : $! != $EAGAIN && $! != $EINTR) { hang_up($pid) if $pid && !defined $status; return }
      while (length $received >= 5) {
        my ($type, $length) = unpack 'a N', $received;
        return if $length > $MOST;
        last if length $received < 5 + $length;
        my $body = substr $received, 5, $length;
        substr($received, 0, 5 + $length) = '';
        if ($type eq 'S' && !$pid) {
          ($pid, $in, $out, $err, $tty, my $failure) = start($body);
          if ($failure) { $unsent .= frame('F', $failure); finish($peer, $unsent); return }
        } elsif ($type eq 'I' && $pid) {
          if ($length) { $input .= $body } else { $input_ended = 1 }
          $unsent .= frame('C', pack 'N', $length) if !$in;
        } elsif ($type eq 'K' && $pid && !defined $status) {
          kill -unpack('N', $body), $pid;
        } elsif ($type eq 'W' && $tty) {
          resize($tty, unpack 'n n', $body);
        }
      }
    }
    if ($in && length $input && ready($w, $in)) {
      my $n = syswrite($in, $input, 4096);
      if ($n) { substr($input, 0, $n) = ''; $unsent .= frame('C', pack 'N', $n) }
      elsif ($! != $EAGAIN && $! != $EINTR) { $unsent .= frame('C', pack 'N', length $input); $input = ''; undef $in }
    }
    if ($in && $input_ended && !length $input) {
      if ($tty) { $input = "\004"; $input_ended = 0 } else { close $in; undef $in }
    }
    undef $out if $out && ready($r, $out) && !take($out, 'O', \$unsent);
    undef $err if $err && ready($r, $err) && !take($err, 'E', \$unsent);
    if ($pid && !defined $status && waitpid($pid, $WNOHANG) == $pid) { $status = $? }
    if (defined $status) {
      # What it wrote is still in the pipes; what others write who have them open is not waited for.
      if ($out) { nonblocking($out); while (take($out, 'O', \$unsent) > 0) { } }
      if ($err) { nonblocking($err); while (take($err, 'E', \$unsent) > 0) { } }
      $unsent .= frame('X', $status & 127 ? 'signal ' . ($status & 127) : 'exit ' . ($status >> 8));
      finish($peer, $unsent);
      return;
    }
    if (length $unsent) {
      my $n = syswrite($peer, $unsent, $CHUNK);
      if ($n) { substr($unsent, 0, $n) = '' }
      elsif ($! != $EAGAIN && $! != $EINTR) { hang_up($pid); return }
    }
  }
}

# Starts a command. Its description is a list of name=value, each ended by a zero.
sub start {
  my (%given, @arg, %env);
  for (split /\0/, $_[0]) {
    my ($name, $value) = split /=/, $_, 2;
    if ($name eq 'arg') { push @arg, $value }
    elsif ($name eq 'env') { my ($k, $v) = split /=/, $value, 2; $env{$k} = $v }
    else { $given{$name} = $value }
  }
  return (undef) x 5, '22 nothing to run' if !@arg;
  my ($user, $uid, $gid, $home, $shell) = (getpwnam($given{user} // 'root'))[0, 2, 3, 7, 8];
  return (undef) x 5, "2 no user $given{user}" if !defined $uid && defined $given{user};
  my ($tty, $slave, @pipes);
  if ($given{tty}) {
    open($tty, '+<', '/dev/ptmx') or return (undef) x 5, failure('pseudo-terminal');
    my ($unlocked, $number) = (pack('i', 0)) x 2;
    ioctl($tty, $LOCKPT, $unlocked);
    ioctl($tty, $PTN, $number);
    $slave = '/dev/pts/' . unpack 'i', $number;
    resize($tty, split /,/, $given{tty});
  } else {
    for (0 .. 2) { pipe($pipes[$_][0], $pipes[$_][1]) or return (undef) x 5, failure('pipe') }
  }
  pipe(my $told, my $tell) or return (undef) x 5, failure('pipe');
  my $pid = fork;
  return (undef) x 5, failure('fork') if !defined $pid;
  if (!$pid) {
    my $fail = sub { syswrite $tell, failure($_[0]); kill 9, $$; };
    # Whatever started this agent in the background may have had it ignore some of them.
    $SIG{$_} = 'DEFAULT' for 'HUP', 'INT', 'QUIT', 'TERM', 'PIPE', 'CHLD', 'TSTP', 'TTIN', 'TTOU';
    syscall($SETSID);
    if ($tty) {
      open(my $terminal, '+<', $slave) or $fail->($slave);
      ioctl($terminal, $CTTY, 0);
      open(STDIN, '<&', $terminal) && open(STDOUT, '>&', $terminal) && open(STDERR, '>&', $terminal) or $fail->($slave);
    } else {
      open(STDIN, '<&', $pipes[0][0]) && open(STDOUT, '>&', $pipes[1][1]) && open(STDERR, '>&', $pipes[2][1])
        or $fail->('pipe');
    }
    if (defined $uid) {
      @ENV{'HOME', 'USER', 'LOGNAME', 'SHELL'} = ($home, $user, $user, $shell || '/bin/sh');
      if ($uid) { $( = $gid; $) = "$gid $gid"; $< = $uid; $> = $uid }
    }
    $ENV{PATH} ||= '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    delete $ENV{$_} for 'TERM', 'LISTEN_PID', 'LISTEN_FDS', 'NOTIFY_SOCKET', 'INVOCATION_ID', 'JOURNAL_STREAM';
    $ENV{$_} = $env{$_} for keys %env;
    my $place = $given{dir} // $home // '/';
    chdir $place or defined $given{dir} ? $fail->($place) : chdir '/';
    exec { $arg[0] } @arg;
    $fail->($arg[0]);
  }
  close $tell;
  my $why = '';
  1 while sysread($told, $why, 4096, length $why);
  if (length $why) { waitpid $pid, 0; return (undef) x 5, $why }
  if ($tty) { nonblocking($tty); return $pid, $tty, $tty, undef, $tty }
  close $pipes[0][0]; close $pipes[1][1]; close $pipes[2][1];
  nonblocking($pipes[0][1]);
  return $pid, $pipes[0][1], $pipes[1][0], $pipes[2][0], undef;
}

# Moves what a command has written. Returns 0 at its end, -1 when there is nothing now.
sub take {
  my ($from, $type, $unsent) = @_;
  my $n = sysread $from, my $bytes, $CHUNK;
  if (!defined $n) { return $! == $EAGAIN || $! == $EINTR ? -1 : 0 }
  $$unsent .= frame($type, $bytes) if $n;
  return $n;
}

# Says the last, and waits until the host has it.
sub finish {
  my ($peer, $unsent) = @_;
  my $flags = fcntl $peer, $GETFL, 0;
  fcntl $peer, $SETFL, $flags & ~$NONBLOCK;
  while (length $unsent) {
    my $n = syswrite $peer, $unsent, $CHUNK;
    if ($n) { substr($unsent, 0, $n) = '' } elsif ($! != $EINTR) { return }
  }
  shutdown $peer, 1;
  my $r = '';
  want(\$r, $peer);
  for (1 .. 30) { my $ready = $r; last if select($ready, undef, undef, 1) && !sysread($peer, my $rest, $CHUNK) }
}

# The host is gone: so is whoever would read what the command says.
sub hang_up {
  my ($pid) = @_;
  return if !$pid;
  kill -1, $pid;
  for (1 .. 20) { return if waitpid($pid, $WNOHANG) == $pid; select undef, undef, undef, 0.1 }
  kill -9, $pid;
}

# Why something failed: the number of the error, and words.
sub failure { return ($! + 0) . " $_[0]: $!" }
sub frame { return pack('a N', $_[0], length $_[1]) . $_[1] }
sub want { my ($set, $handle) = @_; vec($$set, fileno $handle, 1) = 1 }
sub ready { my ($set, $handle) = @_; return vec $set, fileno $handle, 1 }
sub nonblocking { my ($handle) = @_; fcntl $handle, $SETFL, fcntl($handle, $GETFL, 0) | $NONBLOCK }
sub resize {
  my ($tty, $rows, $columns) = @_;
  my $size = pack 'S S S S', $rows || 24, $columns || 80, 0, 0;
  ioctl $tty, $WINSZ, $size;
}
`;
