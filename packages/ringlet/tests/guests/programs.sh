#!/bin/bash
# Debian's programs over the data in a directory; prints one line for each result, "name value".
#
# It is run twice, in a guest and on the host, and both must say the same. A line whose name starts with "version:tool:"
# holds for one version of the tool: it is compared when the line "version:tool" is the same on both.
cd "$1" || exit 1
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
# What reads no input must not take what is typed next.
exec </dev/null

say() { printf '%s %s\n' "$1" "$2"; }
sum() { sha256sum | cut -c 1-64; }
has() { command -v "$1" >/dev/null; }

for file in random text numbers; do
  for tool in md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum; do
    say "$tool:$file" "$($tool <$file | tr -s ' ' | cut -d ' ' -f 1)"
  done
done
say sort "$(sort numbers | sum)"
say sort-numeric "$(sort -g numbers | sum)"
say tac-rev-base64 "$(tac text | rev | base64 | sum)"
say od "$(od -A x -t x8 -t f8 random | head -n 20000 | sum)"

for file in random text; do
  for tool in xz gzip bzip2; do
    has $tool || continue
    say "version:$tool" "$($tool --version 2>&1 | head -n 1 | tr ' ' _)"
    # gzip would write the file's time into what it packs.
    [ $tool = gzip ] && options=-n || options=
    for level in 1 6; do
      packed=$($tool $options -$level <$file | tee /tmp/packed.$$ | sum)
      say "version:$tool:$file:$level" "$packed"
      say "$tool-round:$file:$level" "$($tool -d </tmp/packed.$$ | sum)"
    done
  done
done
# What was packed elsewhere.
for file in text.xz text.gz text.bz2; do
  if [ -e $file ]; then
    case $file in *.xz) tool=xz ;; *.gz) tool=gzip ;; *) tool=bzip2 ;; esac
    has $tool && say "unpacked:$file" "$($tool -dc $file | sum)"
  fi
done
rm -f /tmp/packed.$$

key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
iv=0f0e0d0c0b0a09080706050403020100
for digest in md5 sha1 sha256 sha512 sha3-256 sha3-512 shake128 blake2b512 blake2s256 sm3 ripemd160; do
  result=$(openssl dgst -$digest -hex random 2>/dev/null) && say "openssl:$digest" "${result##* }"
done
for cipher in aes-128-ctr aes-256-cbc aes-256-ctr chacha20 camellia-256-cbc aria-128-ctr sm4-cbc; do
  say "openssl:$cipher" "$(openssl enc -$cipher -K ${key:0:$([[ $cipher == *256* || $cipher == chacha20 ]] && echo 64 || echo 32)} -iv $iv -in text | sum)"
done
# Of these the signature is determined by key and message.
openssl dgst -sha256 -sign rsa.pem -hex text | sed 's/.*= /openssl:rsa /'
openssl pkeyutl -sign -inkey ed25519.pem -rawin -in small | od -A n -t x1 | tr -d ' \n' | sed 's/^/openssl:ed25519 /'
echo
say openssl:x25519 "$(openssl pkeyutl -derive -inkey x25519.pem -peerkey x25519.pub | sum)"
say openssl:p256 "$(openssl pkeyutl -derive -inkey p256.pem -peerkey p256.pub | sum)"
say openssl:pbkdf2 "$(openssl kdf -keylen 32 -kdfopt digest:SHA512 -kdfopt pass:ringlet -kdfopt salt:salt -kdfopt iter:20000 PBKDF2)"
say openssl:scrypt "$(openssl kdf -keylen 32 -kdfopt pass:ringlet -kdfopt salt:salt -kdfopt n:4096 -kdfopt r:8 -kdfopt p:1 SCRYPT)"
say openssl:prime "$(openssl prime 170141183460469231731687303715884105727 | tr ' ' _)"

has perl && perl -e '
  use strict; use warnings;
  use Digest::MD5 qw(md5_hex); use Digest::SHA qw(sha256_hex); use Math::BigInt;
  local $/; open my $in, "<", "text" or die; my $text = <$in>;
  print "perl:md5 ", md5_hex($text), "\n";
  my %words; $words{lc $1}++ while $text =~ /(\w+)/g;
  print "perl:words ", sha256_hex(join ",", map { "$_=$words{$_}" } sort keys %words), "\n";
  (my $other = $text) =~ s/(\w+) (\w+)/$2 \U$1/g; $other =~ tr/a-y/b-z/;
  print "perl:regex ", sha256_hex($other), "\n";
  open $in, "<", "numbers" or die; my @numbers = split /\n/, <$in>;
  my ($sum, $product, $roots) = (0, 1, 0);
  for (@numbers) { $sum += $_; $product = $product * ($_ / 4096 + 0.5); $product /= 2 while abs($product) > 1e9; $roots += sqrt(abs $_) }
  printf "perl:float %.17g %.17g %.17g\n", $sum, $product, $roots;
  print "perl:sorted ", sha256_hex(join ",", map { sprintf "%.6e", $_ } sort { $a <=> $b } @numbers), "\n";
  my ($x, $hash) = (12345, 0); { use integer; for (1 .. 300000) { $x ^= $x << 13; $x ^= ($x >> 7) & 0x1ffffffffffffff; $x ^= $x << 17; $hash += $x % 1000003; } }
  print "perl:integer $x $hash\n";
  print "perl:pack ", sha256_hex(pack("nNvVdfw*", 258, 66051, 513, 197121, 1.1, -2.5, map { $_ * 77 } 1 .. 5000)), "\n";
  print "perl:factorial ", sha256_hex(Math::BigInt->new(600)->bfac->bstr), "\n";
'

has python3 && python3 -I -c '
import binascii, decimal, fractions, hashlib, heapq, itertools, json, random, re, struct, zlib, lzma, bz2, cmath
sha = lambda data: hashlib.sha256(data if isinstance(data, bytes) else str(data).encode()).hexdigest()
import sys
print("version:python", "%d.%d" % sys.version_info[:2])
def say(name, value): print("version:python:" + name, value)
data = open("random", "rb").read(); text = open("text").read(); numbers = [float(x) for x in open("numbers")]
say("crc", f"{zlib.crc32(data)} {zlib.adler32(data)} {binascii.crc_hqx(data, 0)}")
for name in ("blake2b", "sha3_384", "sha512"): say(name, hashlib.new(name, data).hexdigest())
for module in (zlib, lzma, bz2): say(module.__name__, sha(module.decompress(module.compress(data[:1 << 18] + text.encode()[:1 << 18]))))
say("bigint", sha(pow(3, 20000) * pow(7, 9000) // pow(11, 3000)))
say("modpow", pow(0xdeadbeef, (1 << 521) - 1, (1 << 607) - 1))
say("fraction", sha(sum(fractions.Fraction(1, n) for n in range(1, 600))))
decimal.getcontext().prec = 200
say("decimal", sha(decimal.Decimal(2).sqrt() * decimal.Decimal(3).ln()))
say("float", " ".join(x.hex() for x in (sum(numbers), min(numbers), max(numbers), numbers[0] / numbers[1], abs(numbers[2]) ** 0.5)))
random.seed(20240228); shuffled = list(range(20000)); random.shuffle(shuffled)
say("random", sha(json.dumps(shuffled)) + f" {random.getrandbits(256):x} {random.random().hex()}")
say("words", sha(json.dumps(sorted(re.findall(r"[a-z]{3,}(?=\s)", text)))))
say("heap", sha(json.dumps(heapq.nsmallest(5000, numbers))))
say("struct", sha(b"".join(struct.pack("<bhiqfde", n % 128, n, n * n, n ** 4, n / 3, n / 7, n % 60000 / 9) for n in range(8000))))
say("matrix", sum(int(a * b) for a, b in itertools.product(numbers[:400], numbers[400:800])))
'
exit 0
