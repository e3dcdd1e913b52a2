package localplane

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
)

// A user's certificate names it and its groups, and is of use to a client only.
func TestClientCertificates(t *testing.T) {
	a, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		user   string
		groups []string
	}{
		{admin, []string{"system:masters"}},
		{"somebody", nil},
		{"system:serviceaccount:rollouts:controller", []string{"system:serviceaccounts", "system:serviceaccounts:rollouts"}},
	} {
		pair, err := a.client(test.user)
		if err != nil {
			t.Fatalf("%s: %v", test.user, err)
		}
		cert := parse(t, pair)
		if cert.Subject.CommonName != test.user || !slices.Equal(cert.Subject.Organization, test.groups) {
			t.Errorf("the certificate of %s is for %s in groups %q, want %q", test.user, cert.Subject.CommonName, cert.Subject.Organization, test.groups)
		}
		usages := func(usage x509.ExtKeyUsage) error {
			_, err := cert.Verify(x509.VerifyOptions{Roots: a.pool(), KeyUsages: []x509.ExtKeyUsage{usage}})
			return err
		}
		if err := usages(x509.ExtKeyUsageClientAuth); err != nil {
			t.Errorf("%s: %v", test.user, err)
		}
		if usages(x509.ExtKeyUsageServerAuth) == nil {
			t.Errorf("the certificate of %s would do for a server", test.user)
		}
	}
}

// Two planes do not trust each other, and no two certificates are the same.
func TestAuthoritiesAreDistinct(t *testing.T) {
	a, errA := newAuthority()
	b, errB := newAuthority()
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	one, errOne := a.server()
	two, errTwo := a.server()
	if errOne != nil || errTwo != nil {
		t.Fatal(errOne, errTwo)
	}
	first, second := parse(t, one), parse(t, two)
	if _, err := first.Verify(x509.VerifyOptions{Roots: b.pool(), DNSName: "localhost"}); err == nil {
		t.Error("an authority trusts what another has signed")
	}
	if _, err := first.Verify(x509.VerifyOptions{Roots: a.pool(), DNSName: "127.0.0.1"}); err != nil {
		t.Errorf("the apiserver's certificate: %v", err)
	}
	if first.SerialNumber.Cmp(second.SerialNumber) == 0 {
		t.Errorf("two certificates have the serial number %s", first.SerialNumber)
	}
}

func TestServiceAccountKeysBelongTogether(t *testing.T) {
	private, public, err := serviceAccountKeys()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(private)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(public)
	half, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(half) {
		t.Error("the public key is not that of the private one")
	}
}

func parse(t *testing.T, p pair) *x509.Certificate {
	t.Helper()
	loaded, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Leaf
}
