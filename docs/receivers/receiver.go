// A receiver of webhooks in Go (1.21 or newer): nothing but the standard library.
//
//	WEBHOOK_SECRETS="whsec_... whpk_..." go run receiver.go 8799
//
// Every request is checked, then done once, then answered 204; docs/receivers.md says why.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tolerance     = 300       // seconds that a request may be old, or ahead
	maxSignatures = 16        // entries of webhook-signature that are looked at
	maxBody       = 1_000_000 // bytes; those of Tocsin are far smaller
	maxSeen       = 100_000   // ids that are remembered
)

var (
	idForm        = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	timestampForm = regexp.MustCompile(`^[0-9]{1,15}$`)
)

// Key says whether one of these entries is a signature of the content.
type Key func(content []byte, entries []string) bool

// ReadSecret is what whsec_... or whpk_... verifies with.
func ReadSecret(secret string) (Key, error) {
	kind, encoded, _ := strings.Cut(secret, "_")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err == nil && kind == "whsec" && len(raw) >= 24 && len(raw) <= 64:
		return func(content []byte, entries []string) bool { return byHMAC(raw, content, entries) }, nil
	case err == nil && kind == "whpk" && len(raw) == ed25519.PublicKeySize:
		return func(content []byte, entries []string) bool { return byEd25519(raw, content, entries) }, nil
	}
	return nil, errors.New("a secret is whsec_ and base64 of 24 to 64 bytes, or whpk_ and base64 of 32")
}

func byHMAC(secret, content []byte, entries []string) bool {
	mac := hmac.New(sha256.New, secret)
	mac.Write(content)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, entry := range entries {
		if hmac.Equal(expected, []byte(entry)) { // constant time
			return true
		}
	}
	return false
}

func byEd25519(key ed25519.PublicKey, content []byte, entries []string) bool {
	for _, entry := range entries {
		encoded, ours := strings.CutPrefix(entry, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		// one spelling only: Go takes several spellings of base64
		if !ours || err != nil || base64.StdEncoding.EncodeToString(signature) != encoded {
			continue
		}
		if ed25519.Verify(key, content, signature) {
			return true
		}
	}
	return false
}

// Refusal is why a webhook is not to be trusted, or "" if it is. The body is the bytes as they came, now is in seconds.
func Refusal(body []byte, header http.Header, keys []Key, now int64) string {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	signature := header.Get("webhook-signature")
	if id == "" || timestamp == "" || signature == "" {
		return "missing_header"
	}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if len(header.Values(name)) > 1 { // said twice: which one was signed?
			return "malformed_header"
		}
	}
	if !idForm.MatchString(id) || !timestampForm.MatchString(timestamp) {
		return "malformed_header"
	}
	sent, _ := strconv.ParseInt(timestamp, 10, 64)
	if now-sent > tolerance {
		return "too_old"
	}
	if sent-now > tolerance {
		return "too_new"
	}
	content := append([]byte(id+"."+timestamp+"."), body...)
	entries := strings.SplitN(signature, " ", maxSignatures+1)
	entries = entries[:min(len(entries), maxSignatures)]
	for _, matches := range keys {
		if matches(content, entries) {
			return ""
		}
	}
	return "no_match"
}

// told is what all bodies have. Challenge is there when the bus asks whether we want to be told at all.
type told struct {
	Type string `json:"type"`
	Data struct {
		Challenge string `json:"challenge"`
	} `json:"data"`
}

// work is what you do with it. Put it into a queue or a table if it takes longer than some seconds.
func work(this told) error {
	fmt.Println("work", this.Type)
	return nil
}

// seen remembers what was done: of a real service a unique column, written in the transaction of the work.
type seen struct {
	lock  sync.Mutex
	ids   map[string]bool
	order []string
}

func (s *seen) once(id string, work func() error) error {
	s.lock.Lock() // one at a time: of two attempts at once the second waits, and finds that it was done
	defer s.lock.Unlock()
	if s.ids[id] {
		return nil // a repeat
	}
	if err := work(); err != nil {
		return err // it comes again
	}
	s.ids[id] = true
	s.order = append(s.order, id)
	if len(s.order) > maxSeen {
		delete(s.ids, s.order[0])
		s.order = s.order[1:]
	}
	return nil
}

func receiver(keys []Key) http.HandlerFunc {
	done := seen{ids: map[string]bool{}}
	return func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, maxBody))
		if err != nil {
			response.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		if refused := Refusal(body, request.Header, keys, time.Now().Unix()); refused != "" {
			fmt.Println("refused", refused)
			response.WriteHeader(http.StatusUnauthorized)
			return
		}
		var this told
		if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) || json.Unmarshal(body, &this) != nil {
			fmt.Println("malformed")
			response.WriteHeader(http.StatusBadRequest) // it would be no better if it came again
			return
		}
		if this.Type == "endpoint.challenge" {
			fmt.Fprint(response, this.Data.Challenge) // yes, we want to be told
			return
		}
		if done.once(request.Header.Get("webhook-id"), func() error { return work(this) }) != nil {
			fmt.Println("failed")
			response.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		response.WriteHeader(http.StatusNoContent)
	}
}

func main() {
	var keys []Key
	for _, secret := range strings.Fields(os.Getenv("WEBHOOK_SECRETS")) {
		key, err := ReadSecret(secret)
		if err != nil {
			fmt.Fprintln(os.Stderr, "WEBHOOK_SECRETS:", err)
			os.Exit(78)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 || len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: WEBHOOK_SECRETS=\"whsec_... whpk_...\" receiver PORT")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(69)
	}
	fmt.Println("listening on", listener.Addr().(*net.TCPAddr).Port)
	server := http.Server{Handler: receiver(keys), ReadTimeout: 15 * time.Second, WriteTimeout: 15 * time.Second}
	fmt.Fprintln(os.Stderr, server.Serve(listener))
}
