#!/bin/sh
# Checks an attestation bundle with openssl alone: the procedure of the HSM's vendor, and what that procedure leaves out.
#
# THIS COPY CAME WITH THE SENDER'S ZIP AND IS THE SENDER'S CLAIM. Take verify.sh from a release of the project attestation-bundler, compare its
# SHA-256 with the one published there, and run that one.
#
#   sh verify.sh hsm_rsa_root.crt            in the unpacked bundle
#   sh verify.sh hsm_rsa_root.crt FOLDER     from elsewhere
#
# hsm_rsa_root.crt is the root that YOU got from the vendor (knowledge base, article 147), in PEM. Never take it from the bundle.
#
# One line per step: ok, warn or FAIL. A step that everything after it rests on ends the run when it fails.
# Exit code: 0 all of it holds, 1 refused, 2 nothing to judge (no openssl, no files, wrong arguments).
# Needs a POSIX shell and openssl 1.1.1 or 3. Reads nothing but the files named here, and writes to a temporary folder only.
set -u
LC_ALL=C
export LC_ALL
umask 077

green='' yellow='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
  esc=$(printf '\033')
  green="${esc}[32m" yellow="${esc}[33m" red="${esc}[31m" plain="${esc}[0m"
fi
failures=0 warnings=0
ok() { printf '%sok%s    %s\n' "$green" "$plain" "$1"; }
warn() { warnings=$((warnings + 1)); printf '%swarn%s  %s\n' "$yellow" "$plain" "$1"; }
fail() { failures=$((failures + 1)); printf '%sFAIL%s  %s\n' "$red" "$plain" "$1"; }
unusable() { printf '%sUNUSABLE%s  %s\n' "$red" "$plain" "$1"; exit 2; }
refused() { printf '%sREFUSED%s  Do not issue a certificate on this evidence.%s\n' "$red" "$plain" "${1-}"; exit 1; }
# For a step that everything after it rests on.
refuse() { fail "$1"; refused ' What comes after this step was not looked at.'; }

usage='usage: sh verify.sh hsm_rsa_root.crt [folder of the unpacked bundle]'
{ [ $# -eq 1 ] || [ $# -eq 2 ]; } || unusable "$usage"
case $1 in -*) unusable "$usage" ;; esac
case ${2-.} in -*) unusable "$usage" ;; esac
folder=${2-.}
[ -d "$folder" ] || unusable "the folder is not there; $usage"
[ -f "$1" ] || unusable "the root certificate is not there; $usage"
for tool in openssl awk cat cmp grep mkdir mktemp rm sed tr wc; do
  command -v "$tool" >/dev/null 2>&1 || unusable "this needs the command $tool"
done
# Before 1.1.0, openssl verify says OK after some errors. Level 2 refuses SHA-1 and keys of less than 112 bits of strength; LibreSSL has no
# levels. From here on, $1 is the root and the rest are these options.
version=$(openssl version 2>/dev/null) || unusable 'openssl does not run'
case $version in
  'OpenSSL 0.'* | 'OpenSSL 1.0.'* | 'OpenSSL 1.1.0'*) unusable "this needs openssl 1.1.1 or 3; here is $version" ;;
  LibreSSL*) set -- "$1" ;;
  *) set -- "$1" -auth_level 2 ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/verify.XXXXXX") || unusable 'no temporary folder can be made'
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
mkdir "$work/empty" "$work/roots" "$work/certificates"
# Nothing but the root given counts, whatever the machine trusts besides; openssl x509 would load all of that each time, too.
SSL_CERT_DIR="$work/empty" SSL_CERT_FILE="$work/empty/none"
export SSL_CERT_DIR SSL_CERT_FILE

# take KIND NAME FILES: the one file of its kind, copied to a name that no sender chose. Only plain files: a zip may hold links.
take() {
  kind=$1 name=$2
  shift 2
  [ $# -eq 1 ] || refuse "files: expected one $kind; the folder has $#"
  { [ -f "$1" ] && [ ! -L "$1" ]; } || unusable "the folder has no $kind, or it is no plain file"
  [ "$(($(wc -c <"$1")))" -le 1048576 ] || refuse "files: the $kind is larger than 1 MiB"
  cat <"$1" >"$work/$name" || unusable "the $kind cannot be read"
}

# split FILE FOLDER: one file per certificate, n.pem; prints how many, or nothing where the file has anything else in it.
split() {
  awk -v folder="$2" '
    { gsub(/\r/, "") }
    /^-----BEGIN CERTIFICATE-----$/ && !inside { inside = 1; count++; file = folder "/" count ".pem" }
    inside { print > file }
    !inside && /[^ \t]/ { other = 1 }
    /^-----END CERTIFICATE-----$/ && inside { inside = 0; close(file) }
    count > 20 { exit }
    END { if (count > 0 && !inside && !other) print count }' <"$1"
}

# one_pem FILE TYPE: the file is one PEM block of this type and nothing else. A second block, or a header, is for another reader than this one.
one_pem() {
  awk -v type="$2" '
    { gsub(/\r/, "") }
    NR == 1 { if ($0 !~ "^-----BEGIN " type "-----$") bad = 1; next }
    /^-----END / { if ($0 !~ "^-----END " type "-----$" || ended++) bad = 1; next }
    ended ? /[^ \t]/ : !/^[A-Za-z0-9+\/=]+$/ { bad = 1 }
    END { exit bad || !ended }' <"$1"
}

# look CERTIFICATE: issuer, public key and extensions of a certificate, as openssl prints them, into CERTIFICATE.text. At once: openssl takes
# longer to start than to look.
look() {
  openssl x509 -in "$1" -noout -issuer -nameopt RFC2253 -pubkey -text \
    -certopt no_header,no_version,no_serial,no_signame,no_validity,no_subject,no_issuer,no_pubkey,no_sigdump,no_aux,ext_error >"$1.text" 2>/dev/null
}
# extension CERTIFICATE NAME: what stands under an X.509 extension.
extension() { awk -v name="X509v3 $2:" 'sub(/^ +/, "") && index($0, name) == 1 { getline; print }' "$1.text"; }

take 'attestation (*.xml)' key.xml "$folder"/*.xml
take 'signature (*.sig)' key.sig "$folder"/*.sig
take 'certificate request (*.csr)' key.csr "$folder"/*.csr
take 'certificate file (PrimusHSM_Attestation.crt)' chain.crt "$folder/PrimusHSM_Attestation.crt"
take 'public key file (PrimusHSM_Attestation_PublicKey.pem)' given.pem "$folder/PrimusHSM_Attestation_PublicKey.pem"

cmp -s "$1" "$work/chain.crt" && unusable "the root given is the sender's own certificate file: take the root from the vendor"
roots=$(split "$1" "$work/roots")
{ [ -n "$roots" ] && [ "$roots" -le 20 ]; } || unusable 'the root given is no file of 1 to 20 certificates in PEM, and nothing else'
i=0
while [ $((i += 1)) -le "$roots" ]; do
  file="$work/roots/$i.pem"
  openssl x509 -in "$file" -noout -subject -nameopt RFC2253 -fingerprint -sha256 >"$file.text" 2>/dev/null || unusable 'a certificate of the root given cannot be read'
  about=$(sed -n 's/^subject=//p' "$file.text") print=$(sed -n 's/^[A-Za-z0-9]* [Ff]ingerprint=//p' "$file.text")
  cat "$file" >>"$work/roots.pem"
  ok "root: $about, SHA-256 $print: compare it with what the vendor publishes"
done

# The attestation's certificate is the one that is no CA: openssl would take the first, and their order is not promised.
count=$(split "$work/chain.crt" "$work/certificates")
{ [ -n "$count" ] && [ "$count" -le 4 ]; } || refuse 'certificates: expected 1 to 4 certificates in PEM, and nothing else, in PrimusHSM_Attestation.crt'
i=0 leaf='' leaves=0
while [ $((i += 1)) -le "$count" ]; do
  file="$work/certificates/$i.pem"
  look "$file" || refuse 'certificates: one of PrimusHSM_Attestation.crt cannot be read'
  case $(extension "$file" 'Basic Constraints') in *CA:TRUE*) ;; *) leaf=$file leaves=$((leaves + 1)) ;; esac
done
[ "$leaves" -eq 1 ] || refuse "certificates: expected exactly one that is no CA, the one that signed the attestation; there are $leaves of $count"
ok "certificates: one of $count is no CA and is taken for the one that signed the attestation"

shift
if ! answer=$(openssl verify ${1+"$@"} -CApath "$work/empty" -CAfile "$work/roots.pem" -untrusted "$work/chain.crt" "$leaf" 2>"$work/errors") ||
  [ "$answer" != "$leaf: OK" ] || grep -q 'error [0-9]' "$work/errors"; then
  why=$(sed -n 's/.*\(error [0-9]* at [0-9]* depth lookup: *[A-Za-z0-9 -]*\).*/\1/p' "$work/errors" | sed -n 1p)
  refuse "chain: the attestation certificate does not lead to the root given (${why:-openssl verify refuses it})"
fi
ok 'chain: the attestation certificate leads to the root given'
usage_of_leaf=$(extension "$leaf" 'Key Usage')
case $usage_of_leaf in *'Certificate Sign'*) refuse 'key usage: the attestation certificate may issue certificates' ;; esac
case $usage_of_leaf in *'Digital Signature'* | *'Non Repudiation'*) ;; *) refuse 'key usage: the attestation certificate may not sign' ;; esac
ok 'key usage: the attestation certificate may sign and may not issue'
hsm=$(sed -n 's/^issuer=.*CN=PRIMUS HSM KEY (SN: \([0-9]\{1,20\}\)).*/\1/p' "$leaf.text")
if [ -n "$hsm" ]; then ok "device: issued by the HSM with the serial number $hsm"; else warn 'device: the issuer is not named "PRIMUS HSM KEY (SN: n)"'; fi

# First gap of the vendor's procedure: it verifies with a key file of the sender's zip that nothing ties to the certificate.
{ sed -n '/^-----BEGIN PUBLIC KEY-----$/,/^-----END PUBLIC KEY-----$/p' "$leaf.text" >"$work/leaf.pem" && openssl pkey -pubin -in "$work/leaf.pem" -pubout -out "$work/leaf-key.pem"; } 2>/dev/null ||
  refuse 'public key file: the key of the attestation certificate cannot be read'
{ one_pem "$work/given.pem" 'PUBLIC KEY' && openssl pkey -pubin -in "$work/given.pem" -pubout -out "$work/given-key.pem" 2>/dev/null; } ||
  refuse 'public key file: expected one public key in PEM and nothing else'
cmp -s "$work/leaf-key.pem" "$work/given-key.pem" ||
  refuse "public key file: its key is not the key of the attestation certificate, so the vendor's commands would verify with the sender's own key"
ok 'public key file: its key is the key of the attestation certificate'

signed() {
  answer=$(openssl dgst -sha256 ${1+"$@"} -verify "$work/leaf-key.pem" -signature "$work/key.sig" "$work/key.xml" 2>/dev/null) && [ "$answer" = 'Verified OK' ]
}
if signed; then ok 'signature: the attestation is signed by the attestation certificate (RSA PKCS#1 v1.5 or ECDSA, SHA-256)'
elif signed -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sigopt rsa_mgf1_md:sha256; then
  ok 'signature: the attestation is signed by the attestation certificate (RSA PSS, SHA-256)'
else refuse 'signature: the attestation is not signed by the attestation certificate'
fi

# Only now is the XML read: by absolute path, each element once, and without anything that XML parsers disagree on.
[ "$(($(tr -d '\11\12\15\40-\176\200-\377' <"$work/key.xml" | wc -c)))" -eq 0 ] || refuse 'attestation: it has control characters'
! grep -q -F '<!' "$work/key.xml" || refuse 'attestation: it has a document type, a comment or a CDATA section'
awk '
  function bad(why) { if (!failed) print "!" why; failed = 1; exit }
  BEGIN {
    RS = "<"
    required = "label create_time attest_time public_key"
    flags = "decrypt sign unwrap derive sensitive always_sensitive extractable never_extractable copyable"
    n = split(required, names, " "); for (i = 1; i <= n; i++) path_of[names[i]] = "/private_key/" names[i]
    n = split(flags, names, " "); for (i = 1; i <= n; i++) path_of[names[i]] = "/private_key/attributes/" names[i]
  }
  NR == 1 { if ($0 != "") bad("it does not begin with an XML declaration"); next }
  {
    end = index($0, ">")
    if (!end) bad("it is not well-formed")
    tag = substr($0, 1, end - 1); text = substr($0, end + 1)
  }
  NR == 2 {
    if (tag !~ /^\?xml version="1\.0"( encoding="(UTF-8|utf-8)")? *\?$/ || text ~ /[^ \t\r\n]/) bad("it does not begin with an XML declaration")
    next
  }
  tag ~ /^\?/ { bad("it has a processing instruction") }
  tag ~ /^\// {
    if (depth == 0 || substr(tag, 2) != open[depth]) bad("it is not well-formed")
    path = substr(path, 1, length(path) - length(open[depth]) - 1); depth--; leaf = 0
    if (depth == 0 && text ~ /[^ \t\r\n]/) bad("it has text behind its end")
    next
  }
  {
    if (leaf) bad("an element inside <" open[depth] ">")
    closed = tag ~ /\/$/; if (closed) tag = substr(tag, 1, length(tag) - 1)
    at = match(tag, / /); name = at ? substr(tag, 1, at - 1) : tag; rest = at ? substr(tag, at) : ""; sub(/ +$/, "", rest)
    if (name !~ /^[a-z_]+$/ || rest !~ /^( [a-z_]+="[^"<>\n]*")*$/ || rest ~ / xmlns/) bad("it has a tag of another form than the HSM writes")
    if (depth == 0 && (roots++ || name != "private_key" || closed)) bad("its root is not one <private_key>")
    if (depth >= 8) bad("it is too deep")
    open[++depth] = name; path = path "/" name
    if (depth == 1) while (match(rest, /^ [a-z_]+="[^"<>\n]*"/)) { print "@" substr(rest, 2, RLENGTH - 1); rest = substr(rest, RLENGTH + 1) }
    if (path == "/private_key/attributes" && groups++) bad("<attributes> stands there twice")
    if (path == "/private_key/policy" || path == "/private_key/derivation_value") print "has=" name
    if (path == "/private_key/policy/key_status/blocked" && text != "false") print "blocked=yes"
    if (name in path_of) {
      if (path != path_of[name]) bad("<" name "> stands at another place")
      if (seen[name]++) bad("<" name "> stands there twice")
      if (index(path, "/private_key/attributes/") ? text !~ /^(true|false)$/ : text !~ /^[A-Za-z0-9+\/=:._-]+$/) bad("<" name "> has a value of another form")
      print name "=" text
      leaf = 1
    }
    if (closed) { path = substr(path, 1, length(path) - length(name) - 1); depth--; leaf = 0 }
  }
  END {
    if (failed) exit
    if (depth != 0 || !roots) bad("it is not well-formed")
    for (name in path_of) if (!seen[name]) bad("it has no <" name ">")
  }' "$work/key.xml" >"$work/claims" || refuse 'attestation: it cannot be read'
why=$(sed -n 's/^!//p' "$work/claims")
[ -z "$why" ] || refuse "attestation: $why"
# says LINE: this line is among the claims. value NAME: what stands behind NAME=, which is there once.
newline='
'
said="$newline$(cat "$work/claims")$newline"
says() { case $said in *"$newline$1$newline"*) ;; *) return 1 ;; esac; }
value() { rest=${said#*"$newline$1="} && printf '%s\n' "${rest%%"$newline"*}"; }
label=$(value label)
ok 'attestation: plain XML, each element once'
ok "label: $label, made $(value create_time), attested $(value attest_time): compare it with the order"

# never_extractable=true is also said of an imported key: only creation and storage tell where it was made.
if says '@creation="generated"' && [ "$(grep -c '^@creation=' "$work/claims")" = 1 ] && ! grep -q '^@storage=' "$work/claims"
then ok 'origin: the key was generated inside the HSM and is kept there'
else fail 'origin: expected creation="generated" and no storage; the key was imported, or is kept elsewhere'
fi
# claims STEP MEANING CLAIMS
claims() {
  step=$1 meaning=$2
  shift 2
  for claim; do
    says "$claim" || { fail "$step: expected $*; the attestation says otherwise"; return; }
  done
  ok "$step: $meaning ($*)"
}
claims 'not extractable' 'the key cannot leave the HSM and never could' extractable=false never_extractable=true
claims 'sensitive' 'the key cannot be read in clear and never could' sensitive=true always_sensitive=true
claims 'not copyable' 'the key cannot be copied' copyable=false
claims 'signs' 'the key may sign' sign=true
for other in decrypt unwrap derive; do
  if says "$other=true"; then warn "single purpose: the key may also $other"; fi
done
if says 'blocked=yes'; then fail 'not blocked: the attestation says that the key is blocked'; fi
if says 'has=policy'; then warn 'plain: the key has an approval policy'; fi
if says 'has=derivation_value'; then warn 'plain: the key has a derivation value'; fi

# Second gap of the vendor's procedure: nobody checks that the CSR is signed by its own key. Old openssl exits 0 on a bad signature, and the
# words differ between versions ("verify OK", or "Certificate request self-signature verify OK"): exactly one good line is asked for.
if ! one_pem "$work/key.csr" '(NEW )?CERTIFICATE REQUEST'
then fail 'certificate request: expected one PKCS#10 in PEM and nothing else'
else
  if openssl req -in "$work/key.csr" -noout -verify >"$work/answer" 2>&1 && [ "$(grep -c -i 'verify' "$work/answer")" = 1 ] &&
    grep -q -x -E '(Certificate request self-signature )?verify OK' "$work/answer"
  then ok 'proof of possession: the certificate request is signed by its own key'
  else fail 'proof of possession: the certificate request is not signed by its own key'
  fi
  own=$(openssl req -in "$work/key.csr" -noout -pubkey 2>/dev/null | openssl pkey -pubin -outform DER 2>/dev/null | openssl base64 -A)
  if [ -n "$own" ] && [ "$own" = "$(value public_key)" ]
  then ok 'same key: the certificate request has the attested key'
  else fail 'same key: the certificate request has another key than the attestation'
  fi
fi

[ "$failures" -eq 0 ] || refused
printf '%sPASSED%s  All of it holds for the key %s, with %s warning(s). Firmware, FIPS or Common Criteria mode and QSCD status are not proven.\n' "$green" "$plain" "$label" "$warnings"
