package localplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// admin is the user of everything that the plane itself does.
const admin = "admin"

// authority signs who is who: the apiserver's certificate and those of users. It
// lives as long as the plane. The readers of random numbers below are nil, which
// in package crypto means the system's.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate

	mu     sync.Mutex
	serial int64
}

// pair is a certificate with its key, as PEM.
type pair struct{ cert, key []byte }

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), nil)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	a := &authority{key: key, serial: 1}
	template := a.template("aviary-local")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of the local authority: %w", err)
	}
	a.cert, err = x509.ParseCertificate(der)
	return a, err
}

// template is what all certificates have in common. They are valid for as long
// as a plane can reasonably run.
func (a *authority) template(name string, groups ...string) *x509.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serial++
	now := clock.Real{}.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.serial),
		Subject:      pkix.Name{CommonName: name, Organization: groups},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(365 * 24 * time.Hour),
	}
}

// ca is the certificate of the authority as PEM.
func (a *authority) ca() []byte { return certificatePEM(a.cert.Raw) }

// pool is what trusts the authority and nobody else.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// server makes the apiserver's certificate.
func (a *authority) server() (pair, error) {
	template := a.template("kube-apiserver")
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return a.sign(template)
}

// client makes a certificate by which the apiserver knows a user.
func (a *authority) client(user string) (pair, error) {
	template := a.template(user, groupsOf(user)...)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.sign(template)
}

// groupsOf returns the groups that a user belongs to: a user named like a service
// account is in the groups of one, so that RBAC judges it the same.
func groupsOf(user string) []string {
	if user == admin {
		return []string{"system:masters"}
	}
	if account, ok := strings.CutPrefix(user, "system:serviceaccount:"); ok {
		namespace, _, _ := strings.Cut(account, ":")
		return []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace}
	}
	return nil
}

func (a *authority) sign(template *x509.Certificate) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), nil)
	if err != nil {
		return pair{}, fmt.Errorf("making a key for %s: %w", template.Subject.CommonName, err)
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(nil, template, a.cert, key.Public(), a.key)
	if err != nil {
		return pair{}, fmt.Errorf("making a certificate for %s: %w", template.Subject.CommonName, err)
	}
	secret, err := keyPEM(key)
	return pair{cert: certificatePEM(der), key: secret}, err
}

// serviceAccountKeys makes the keys that sign and verify tokens of service
// accounts, as PEM.
func serviceAccountKeys() (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("making the key of service accounts: %w", err)
	}
	if private, err = keyPEM(key); err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}
