#!/bin/sh
# What people do without the service: three calls with curl, the vendor's commands to check the evidence (README.md, "Check a bundle"), and zip.
# $1: the TSB's URL; $2: a label; $3: the root certificate; $4: a folder, in which one for the label is made.
set -eu
tsb=$1 label=$2 root=$3 folder=$4/$2
mkdir "$folder"
cd "$folder"
post() { curl -sS --fail -X POST "$tsb$1" -H 'content-type: application/json' -d "$2" -o "$3"; }

post /v1/key '{"label":"'"$label"'","algorithm":"RSA","keySize":3072,"attributes":{"sign":true,"extractable":false,"sensitive":true,"copyable":false,"modifiable":false,"destroyable":true,"decrypt":false,"unwrap":false,"derive":false}}' key.json
post /v1/certificate/synchronous/request/download '{"signKeyName":"'"$label"'","signatureAlgorithm":"SHA256_WITH_RSA","validity":365,"standardCertificateAttributes":{"commonName":"Example Seal","organizationName":"Example AG","locality":"Zurich","country":"CH"},"keyUsage":["DIGITAL_SIGNATURE"]}' "$label.csr"
post /v1/key/keyAttestation '{"label":"'"$label"'"}' attestation.zip
unzip -q attestation.zip
cp "$root" hsm_rsa_root.crt

openssl verify -CAfile hsm_rsa_root.crt -untrusted PrimusHSM_Attestation.crt PrimusHSM_Attestation.crt >verify.txt
openssl dgst -verify PrimusHSM_Attestation_PublicKey.pem -sha256 -signature "$label.sig" "$label.xml" >>verify.txt
openssl req -in "$label.csr" -noout -pubkey -out SigningKeyCsrPubKey.pem
openssl asn1parse -noout -in SigningKeyCsrPubKey.pem -out SigningKeyCsrPubKey.der
grep public_key "$label.xml" | sed -e 's,[^>]*>,,' -e's,<.*,,' | base64 -d >SigningKeyAttestationFilePubKey.der
cmp SigningKeyCsrPubKey.der SigningKeyAttestationFilePubKey.der

zip -q bundle.zip "$label.csr" "$label.xml" "$label.sig" PrimusHSM_Attestation.crt PrimusHSM_Attestation_PublicKey.pem ./*.md
