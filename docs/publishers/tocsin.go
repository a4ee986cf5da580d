// Package tocsin tells Tocsin of problems, jobs and messages (Go 1.21 or newer): nothing but the standard library.
//
//	bus, err := tocsin.New(tocsin.Settings{URL: "https://bus.example.org", APIKey: "...", Service: "ledger"})
//	defer bus.Close(5 * time.Second)
//	bus.Capture(ctx, fmt.Errorf("page 7: %w", err), tocsin.About{Context: map[string]string{"record_id": "r-17"}})
//
// What is told waits in memory and is sent beside the service's own work: after New nothing here waits, fails or panics,
// but for what says so. docs/publish-anywhere.md says what becomes of it when.
package tocsin

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	mrand "math/rand"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	maxDocument = 256_000   // bytes that the gateway takes
	maxText     = 2048      // bytes of an error's text
	maxErrors   = 10        // how many causes are told
	maxFrames   = 25        // of a stack
	maxWait     = time.Hour // that the gateway may ask us to wait
	maxFailures = 5         // how often one document is sent that the gateway fails on
	exhausted   = "e.p.req.max-retries-exceeded"
)

// Settings of a Publisher; what is not set has a default.
type Settings struct {
	URL       string             // the gateway's (TOCSIN_URL); without it nothing is published
	APIKey    string             // sent over https only, or to this machine (TOCSIN_API_KEY)
	Tenant    string             // TOCSIN_TENANT; with a key the tenant is the key's
	Service   string             // TOCSIN_SERVICE
	Codes     func(error) string // the code of an error; "": e.p.me. and its type
	Log       func(string)       // where a line goes when something was not sent; each kind of line once
	MaxEvents int                // how many events may wait (1000)
	MaxBytes  int                // and how many bytes of them (8 MiB)

	Connections              int           // requests at the same time (4)
	Timeout                  time.Duration // of one request (15 s)
	ExitWithin               time.Duration // what Recover waits before the process ends (5 s)
	FirstPause, LongestPause time.Duration // between attempts (0.5 s, 30 s)
}

// About is what is said beside a document. Key: told again under the same key it is one problem. Context: what it is
// about, by the names of docs/publish-anywhere.md. Traceparent: W3C Trace Context, else that of Within.
type About struct {
	Key, Code, Traceparent, Dialect, MediaType string
	Context                                    map[string]string
}

// Stats is what became of what was told; Left waits or is under way, Bytes is the size of that.
type Stats struct{ Sent, Refused, Dropped, Left, Bytes int }

type entry struct {
	path     string
	header   http.Header
	body     []byte
	failures int
}

// Publisher tells one gateway; it is for all goroutines of a process.
type Publisher struct {
	settings Settings
	client   *http.Client
	running  context.Context
	abort    context.CancelFunc

	mutex     sync.Mutex // guards all below
	queue     []*entry
	sending   int
	failures  int // in a row
	notBefore time.Time
	timer     *time.Timer
	closed    bool
	idle      []chan struct{}
	said      map[string]bool
	counts    Stats
}

func or[T comparable](value, other T) T {
	var zero T
	if value == zero {
		return other
	}
	return value
}

var address = regexp.MustCompile(`^(https?)://(\[[0-9a-f:]+\]|[^/?#@:\s]+)(:\d+)?(/[^?#\s]*)?$`)

// New makes a Publisher. It fails for an address, or a key, that cannot be.
func New(settings Settings) (*Publisher, error) {
	s := settings
	s.URL = strings.TrimRight(or(s.URL, os.Getenv("TOCSIN_URL")), "/")
	s.APIKey, s.Tenant = or(s.APIKey, os.Getenv("TOCSIN_API_KEY")), or(s.Tenant, os.Getenv("TOCSIN_TENANT"))
	s.Service = or(s.Service, os.Getenv("TOCSIN_SERVICE"))
	s.MaxEvents, s.MaxBytes, s.Connections = or(s.MaxEvents, 1000), or(s.MaxBytes, 8<<20), or(s.Connections, 4)
	s.Timeout, s.ExitWithin = or(s.Timeout, 15*time.Second), or(s.ExitWithin, 5*time.Second)
	s.FirstPause, s.LongestPause = or(s.FirstPause, 500*time.Millisecond), or(s.LongestPause, 30*time.Second)
	if s.Log == nil {
		s.Log = func(line string) { fmt.Fprintln(os.Stderr, "tocsin:", line) }
	}
	transport := &http.Transport{MaxIdleConnsPerHost: s.Connections, IdleConnTimeout: 30 * time.Second}
	client := &http.Client{Transport: transport, Timeout: s.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	p := &Publisher{settings: s, client: client, said: map[string]bool{}}
	p.running, p.abort = context.WithCancel(context.Background())
	if s.URL == "" {
		p.say("no url", "nothing is published: there is no URL, and no TOCSIN_URL")
		return p, nil
	}
	found := address.FindStringSubmatch(s.URL)
	if found == nil {
		return nil, errors.New("URL: the gateway's address is like https://bus.example.org, without user or query")
	}
	if strings.ContainsFunc(s.APIKey, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return nil, errors.New("APIKey: printable ASCII is expected")
	}
	own := found[2] == "localhost" || found[2] == "127.0.0.1" || found[2] == "[::1]"
	if s.APIKey != "" && found[1] == "http" && !own {
		return nil, fmt.Errorf("APIKey: it would be readable by all between here and %s: use https", found[2])
	}
	return p, nil
}

type aroundKey struct{}

// Within is a context for what is told with it: it has this context, and this trace.
func Within(ctx context.Context, about About) context.Context {
	now := around(ctx)
	merged := map[string]string{}
	maps.Copy(merged, now.Context)
	maps.Copy(merged, about.Context)
	return context.WithValue(ctx, aroundKey{}, About{Context: merged, Traceparent: or(about.Traceparent, now.Traceparent)})
}

func around(ctx context.Context) About {
	found, _ := ctx.Value(aroundKey{}).(About)
	return found
}

// Problem tells a problem: a document in any dialect (what JSON is made of; a string or []byte as it is, with MediaType).
// It returns its idempotency key, or "" when it was not taken.
func (p *Publisher) Problem(ctx context.Context, document any, about About) (key string) {
	defer p.guard(&key)
	return p.put(ctx, "problems", document, about)
}

// Capture tells an error, with what it wraps. It returns its idempotency key, or "".
func (p *Publisher) Capture(ctx context.Context, err error, about About) (key string) {
	defer p.guard(&key)
	if err == nil {
		return ""
	}
	return p.tell(ctx, err, about, []item{{"told_at", frame(2)}}, nil)
}

// Observe tells what explains problems: a kind such as "job_started", and members; "detail" is a map[string]string.
func (p *Publisher) Observe(ctx context.Context, kind string, members map[string]any, about About) (key string) {
	defer p.guard(&key)
	said := map[string]any{"kind": kind, "occurred_at": time.Now().UnixMicro()}
	for _, context := range []map[string]string{around(ctx).Context, about.Context} {
		for _, name := range []string{"thread_id", "parent_thread_id", "connection", "record_type", "record_id", "trust", "job"} {
			if context[name] != "" && p.usable(name, context[name], ofActivity) {
				said[name] = context[name]
			}
		}
	}
	for name, value := range members {
		if text, ok := value.(string); !ok || p.usable(name, text, ofActivity) {
			said[name] = value
		}
	}
	detail := map[string]string{}
	if p.settings.Service != "" {
		detail["service"] = p.settings.Service
	}
	if given, ok := members["detail"].(map[string]string); ok {
		maps.Copy(detail, given)
	}
	said["detail"] = detail
	return p.put(ctx, "activity", said, about)
}

// Attempt is which attempt of how many a job is; of zero nothing is said. A failure before the last is no problem yet,
// unless TellRetries.
type Attempt struct {
	Number, Of  int
	TellRetries bool
}

func (a Attempt) again() bool { return a.Number > 0 && a.Number < a.Of }

// Run is one run of a job.
type Run struct {
	ID   string
	tell func(kind string, detail map[string]string, members map[string]any)
}

// Progress tells how far the job is.
func (r *Run) Progress(state string, detail map[string]string) {
	r.tell("record_changed", detail, map[string]any{"record_type": "job", "record_id": r.ID, "record_state": state})
}

// Job does work as a job: its start, its progress and its end are told; its error is told, and returned as it is; a
// panic is told, and goes on.
func (p *Publisher) Job(ctx context.Context, name string, attempt Attempt, work func(context.Context, *Run) error) (err error) {
	began := time.Now()
	ctx = Within(ctx, About{Context: map[string]string{"job": name}})
	run := &Run{ID: random()}
	run.tell = func(kind string, detail map[string]string, members map[string]any) {
		said := map[string]string{"run": run.ID}
		if attempt.Of > 0 {
			said["attempt"], said["attempts"] = strconv.Itoa(attempt.Number), strconv.Itoa(attempt.Of)
		}
		maps.Copy(said, detail)
		with := map[string]any{"detail": said}
		maps.Copy(with, members)
		p.Observe(ctx, kind, with, About{})
	}
	end := func(outcome string) {
		seconds := strconv.FormatFloat(time.Since(began).Seconds(), 'f', 3, 64)
		run.tell("job_finished", map[string]string{"outcome": outcome, "seconds": seconds}, nil)
	}
	run.tell("job_started", nil, nil)
	defer func() {
		if panicked := recover(); panicked != nil {
			p.panicked(ctx, panicked, About{})
			end("failed")
			panic(panicked)
		}
	}()
	if err = work(ctx, run); err == nil {
		end("done")
		return nil
	}
	if attempt.again() {
		run.Progress("retrying", map[string]string{"error": nameOf(err)})
	}
	if !attempt.again() || attempt.TellRetries {
		p.jobFailed(ctx, err, attempt, run.ID)
	}
	end(map[bool]string{true: "retrying", false: "failed"}[attempt.again()])
	return err
}

func (p *Publisher) jobFailed(ctx context.Context, err error, attempt Attempt, run string) {
	var key string
	defer p.guard(&key)
	about, party, items := About{Code: p.codeOf(err)}, "unknown", []item{{"run", run}}
	if attempt.Of > 0 && attempt.Number >= attempt.Of {
		about.Code, party = or(about.Code, exhausted), "none"
	} else if attempt.Of > 0 {
		party = "reporter"
	}
	if attempt.Of > 0 {
		items = append(items, item{"attempt", fmt.Sprintf("%d of %d", attempt.Number, attempt.Of)})
	}
	name := nameOf(err)
	http := map[string]any{"type": "error:" + or(p.settings.Service, "service") + ":" + name, "title": name, "status": 500,
		"detail": shortened(err.Error()), "instance": "error:instance:" + random()}
	p.tell(ctx, err, about, items, map[string]any{"http": http, "retry_party": party})
}

// Recover is deferred where a panic would end the process: at the beginning of main, and of each goroutine. The panic
// is told, sent within ExitWithin, and goes on.
//
//	defer bus.Recover(ctx, tocsin.About{})
func (p *Publisher) Recover(ctx context.Context, about About) {
	if panicked := recover(); panicked != nil {
		p.panicked(ctx, panicked, about)
		p.Flush(p.settings.ExitWithin)
		panic(panicked)
	}
}

// Handler tells the panics of a handler, which go on to the server; the trace and the id of a request belong to what
// is told with its context.
func (p *Publisher) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		about := About{Traceparent: request.Header.Get("traceparent"), Context: map[string]string{}}
		if id := request.Header.Get("X-Request-ID"); id != "" && usable("request_id", id, ids) {
			about.Context["request_id"] = id
		}
		ctx := Within(request.Context(), about)
		defer func() {
			if panicked := recover(); panicked != nil {
				if panicked != http.ErrAbortHandler {
					p.panicked(ctx, panicked, About{})
				}
				panic(panicked)
			}
		}()
		next.ServeHTTP(response, request.WithContext(ctx))
	})
}

func (p *Publisher) panicked(ctx context.Context, value any, about About) {
	var key string
	defer p.guard(&key)
	err, ok := value.(error)
	if !ok {
		err = fmt.Errorf("%v", value)
	}
	about.Code = or(about.Code, or(p.codeOf(err), "e.p.me.panic"))
	var items []item
	if frames := stack(); len(frames) > 0 {
		items = []item{{"raised_at", frames[len(frames)-1]}, {"stack", strings.Join(frames, "\n")}}
	}
	p.tell(ctx, err, about, items, nil)
}

// Flush waits until nothing is waiting any more, at most so long.
func (p *Publisher) Flush(within time.Duration) Stats {
	idle := make(chan struct{})
	p.mutex.Lock()
	p.idle = append(p.idle, idle)
	p.pump()
	p.mutex.Unlock()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
	return p.Stats()
}

// Close flushes, and ends: what is left is given up, and said. Nothing is taken any more.
func (p *Publisher) Close(within time.Duration) Stats {
	p.mutex.Lock()
	p.closed = true
	p.mutex.Unlock()
	stats := p.Flush(within)
	p.abort()
	if stats.Left+stats.Dropped+stats.Refused > 0 {
		p.say("lost", fmt.Sprintf("ended with %d events not sent, %d dropped, %d refused", stats.Left, stats.Dropped, stats.Refused))
	}
	return stats
}

// Stats is what became of what was told so far.
func (p *Publisher) Stats() Stats {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	stats := p.counts
	stats.Left = len(p.queue) + p.sending
	return stats
}

func (p *Publisher) put(ctx context.Context, what string, document any, about About) string {
	if p.settings.URL == "" {
		return ""
	}
	body, plain, err := clean(document)
	if err != nil {
		return p.refuse("cannot be told", "something cannot be told: "+err.Error())
	}
	if len(body) > maxDocument {
		return p.refuse("too large", fmt.Sprintf("a document has %d bytes: %d are taken", len(body), maxDocument))
	}
	now, key := around(ctx), or(about.Key, random())
	if !keys.MatchString(key) {
		digest := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(digest[:])
	}
	header := http.Header{"Idempotency-Key": {key}, "User-Agent": {"tocsin-publisher-go"}, "Content-Type": {about.MediaType}}
	if about.MediaType == "" {
		header.Set("Content-Type", map[bool]string{true: "text/plain", false: "application/json"}[plain])
	}
	if p.settings.Tenant != "" {
		header.Set("Tocsin-Tenant", p.settings.Tenant)
	}
	if p.settings.APIKey != "" {
		header.Set("Authorization", "Bearer "+p.settings.APIKey)
	}
	if trace := or(about.Traceparent, now.Traceparent); traceparents.MatchString(trace) {
		header.Set("Traceparent", trace)
	}
	query := url.Values{}
	always := map[string]string{"service": p.settings.Service, "dialect": about.Dialect}
	for _, context := range []map[string]string{always, now.Context, about.Context} {
		for name, value := range context {
			if value != "" && what == "problems" && p.usable(name, value, ids) {
				query.Set(name, value)
			}
		}
	}
	path := strings.TrimSuffix("/v1/"+what+"?"+query.Encode(), "?")
	if !p.take(&entry{path: path, header: header, body: body}) {
		return ""
	}
	return key
}

func (p *Publisher) take(one *entry) bool {
	p.mutex.Lock()
	left, full := len(p.queue)+p.sending, ""
	if p.closed {
		full = "told after the end: not sent"
	} else if left >= p.settings.MaxEvents || p.counts.Bytes+len(one.body) > p.settings.MaxBytes {
		full = fmt.Sprintf("%d events wait: the queue is full", left)
	}
	if full != "" {
		p.counts.Dropped++
		p.mutex.Unlock()
		p.say("full", full)
		return false
	}
	defer p.mutex.Unlock()
	p.queue = append(p.queue, one)
	p.counts.Bytes += len(one.body)
	p.pump()
	return true
}

// pump sends what may be sent now; after a failure on one connection, until it went well. The mutex is held.
func (p *Publisher) pump() {
	if p.timer != nil {
		p.timer.Stop()
	}
	wait, most := time.Until(p.notBefore), p.settings.Connections
	if p.failures > 0 {
		most = 1
	}
	for len(p.queue) > 0 && wait <= 0 && p.sending < most && p.running.Err() == nil {
		next := p.queue[0]
		p.queue = p.queue[1:]
		p.sending++
		go p.send(next)
	}
	if len(p.queue) > 0 && wait > 0 {
		p.timer = time.AfterFunc(wait, func() {
			p.mutex.Lock()
			defer p.mutex.Unlock()
			p.pump()
		})
	}
	if len(p.queue)+p.sending == 0 {
		for _, idle := range p.idle {
			close(idle)
		}
		p.idle = nil
	}
}

func (p *Publisher) send(one *entry) {
	status, said, wait := p.ask(one)
	kind, line := "", ""
	p.mutex.Lock()
	p.sending--
	p.counts.Bytes -= len(one.body)
	again := status == 0 || status == 408 || status == 429 || status == 502 || status == 503 || status == 504
	if status == 500 {
		one.failures++
		again = one.failures < maxFailures
	}
	switch {
	case status == 202: // whatever else says that all is well, a page to log in, has not taken it
		p.counts.Sent++
		p.failures = 0
		if p.said["away"] {
			delete(p.said, "away")
			delete(p.said, "full")
		}
	case again:
		p.later(one, wait)
		kind = "away"
		line = fmt.Sprintf("the gateway does not take events now (%d %s); what is told waits in memory", status, said)
	default:
		p.counts.Refused++
		if status < 400 {
			said = "is that its address?"
		}
		kind, line = "refused "+strconv.Itoa(status), fmt.Sprintf("the gateway answers %d: %s", status, said)
	}
	p.pump()
	p.mutex.Unlock()
	if kind != "" && p.running.Err() == nil {
		p.say(kind, line)
	}
}

// later puts an event back to the front; the mutex is held.
func (p *Publisher) later(one *entry, wait time.Duration) {
	p.queue = append([]*entry{one}, p.queue...)
	p.counts.Bytes += len(one.body)
	if now := time.Now(); !now.Before(p.notBefore) {
		p.failures++
	}
	pause := p.settings.FirstPause << min(p.failures-1, 20)
	if pause <= 0 || pause > p.settings.LongestPause {
		pause = p.settings.LongestPause
	}
	pause = time.Duration(float64(pause) * (0.8 + 0.4*mrand.Float64()))
	if until := time.Now().Add(max(wait, pause)); until.After(p.notBefore) {
		p.notBefore = until
	}
}

// ask gives the status of the answer, 0 if there is none, what it says, and how long we are asked to wait.
func (p *Publisher) ask(one *entry) (int, string, time.Duration) {
	request, err := http.NewRequestWithContext(p.running, http.MethodPost, p.settings.URL+one.path, bytes.NewReader(one.body))
	if err != nil {
		return 400, err.Error(), 0
	}
	request.Header = one.header
	response, err := p.client.Do(request)
	if err != nil {
		return 0, err.Error(), 0
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(response.Body, 65_536))
	after, wait := response.Header.Get("Retry-After"), time.Duration(0)
	if seconds, err := strconv.ParseUint(after, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(after); err == nil {
		wait = time.Until(date)
	}
	return response.StatusCode, wordsOf(said), max(0, min(wait, maxWait))
}

// wordsOf is what a problem document says, or the beginning of what is none.
func wordsOf(answer []byte) string {
	var said struct{ Title, Detail, Pointer, Expected string }
	if json.Unmarshal(answer, &said) != nil {
		return shortened(string(answer))
	}
	words := []string{}
	for _, one := range []string{said.Title, said.Detail, said.Pointer, said.Expected} {
		if one != "" {
			words = append(words, one)
		}
	}
	return shortened(strings.Join(words, ". "))
}

func (p *Publisher) refuse(kind, line string) string {
	p.mutex.Lock()
	p.counts.Refused++
	p.mutex.Unlock()
	p.say(kind, line)
	return ""
}

// say writes a line, each kind once.
func (p *Publisher) say(kind, line string) {
	defer func() { _ = recover() }() // a log that fails is no matter of the service's
	p.mutex.Lock()
	known := p.said[kind]
	p.said[kind] = true
	p.mutex.Unlock()
	if !known {
		p.settings.Log(line)
	}
}

// guard is deferred: an error whose text panics is no panic of the service's.
func (p *Publisher) guard(key *string) {
	if panicked := recover(); panicked != nil {
		*key = p.refuse("cannot be told", fmt.Sprintf("something cannot be told: %v", panicked))
	}
}

// ids are of contexts, ofActivity of what Observe tells.
var ids = map[string]bool{"thread_id": true, "parent_thread_id": true, "request_id": true}
var ofActivity = map[string]bool{"thread_id": true, "parent_thread_id": true, "request_id": true, "message_id": true,
	"connection": true, "record_id": true}

// usable is whether the gateway takes this of a context: with one that it does not, it would refuse the whole report.
func usable(name, value string, ids map[string]bool) bool {
	longest := map[bool]int{true: 255, false: 2048}[ids[name]]
	if len(value) > longest || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return false
	}
	named := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
	return !ids[name] || strings.ContainsFunc(value, named)
}

// usable says so of what is left out.
func (p *Publisher) usable(name, value string, ids map[string]bool) bool {
	may := usable(name, value, ids)
	if !may {
		p.say("context "+name, "a "+name+" is left out: the gateway would refuse it")
	}
	return may
}

type item struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (p *Publisher) codeOf(err error) string {
	if p.settings.Codes == nil {
		return ""
	}
	return p.settings.Codes(err)
}

func (p *Publisher) tell(ctx context.Context, err error, about About, items []item, members map[string]any) string {
	name, text := nameOf(err), shortened(err.Error())
	document := map[string]any{"code": or(about.Code, or(p.codeOf(err), "e.p.me."+kebab(name))), "text": or(text, name),
		"noticed_at": time.Now().UnixMicro(), "http": map[string]any{"title": name, "detail": or(text, name)},
		"items": append(items, causes(err)...)}
	maps.Copy(document, members)
	about.MediaType = "application/vnd.tocsin.problem+json"
	return p.put(ctx, "problems", document, about)
}

// causes are the errors that an error wraps.
func causes(err error) (found []item) {
	waiting := []error{err}
	for len(waiting) > 0 && len(found) < maxErrors {
		one := waiting[0]
		waiting = waiting[1:]
		if one != err {
			found = append(found, item{"caused_by", fmt.Sprintf("%T: %s", one, shortened(one.Error()))})
		}
		switch wrapping := one.(type) {
		case interface{ Unwrap() error }:
			if inner := wrapping.Unwrap(); inner != nil {
				waiting = append(waiting, inner)
			}
		case interface{ Unwrap() []error }:
			waiting = append(waiting, wrapping.Unwrap()...)
		}
	}
	return found
}

// nameOf is the first type in the chain of an error that says something.
func nameOf(err error) string {
	for one := err; one != nil; one = errors.Unwrap(one) {
		_, name, _ := strings.Cut(fmt.Sprintf("%T", one), ".")
		if name != "" && !strings.HasPrefix(fmt.Sprintf("%T", one), "*fmt.") && name != "errorString" && name != "joinError" {
			return name
		}
	}
	return "Error"
}

var humps = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
var others = regexp.MustCompile(`[^a-z0-9-]+`)

func kebab(name string) string {
	words := strings.ToLower(humps.ReplaceAllString(name, "$1$3-$2$4"))
	words = strings.Trim(others.ReplaceAllString(words, "-"), "-")
	return or(words[:min(len(words), 64)], "error")
}

func shortened(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "\uFFFD")
}

func random() string {
	made := make([]byte, 16)
	_, _ = rand.Read(made)
	return hex.EncodeToString(made)
}

// frame says where, without the folder: where something is installed is nobody's business.
func frame(skip int) string {
	counter, file, line, _ := runtime.Caller(skip)
	return fmt.Sprintf("%s:%d %s", filepath.Base(file), line, filepath.Base(runtime.FuncForPC(counter).Name()))
}

// stack is that of a panic, the outermost frame first.
func stack() (found []string) {
	counters := make([]uintptr, 64)
	frames := runtime.CallersFrames(counters[:runtime.Callers(4, counters)])
	for more := true; more && len(found) < maxFrames; {
		var one runtime.Frame
		one, more = frames.Next()
		if !strings.HasPrefix(one.Function, "runtime.") {
			said := fmt.Sprintf("%s:%d %s", filepath.Base(one.File), one.Line, filepath.Base(one.Function))
			found = append([]string{said}, found...)
		}
	}
	return found
}

var keys = regexp.MustCompile(`^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$`)
var traceparents = regexp.MustCompile(`^(?:[0-9a-e][0-9a-f]|f[0-9a-e])-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// What is plainly a secret, as in the bus itself: docs/reliability.md#secrets-in-events.
var secretEndings = strings.Fields("password passwd passphrase dbpwd userpwd secret token cookie apikey accesskey privatekey " +
	"secretkey accountkey storagekey walletkey signingkey encryptionkey masterkey didseed walletseed privatekeymultibase " +
	"privatekeybase58 privatekeyjwk privatekeyhex privatekeypem secretkeymultibase secretkeybase58 secretkeyjwk " +
	"secretkeyhex secretkeypem")
var secretNames = setOf("authorization proxyauthorization xauthorization pwd seed mnemonic")
var ofJWK = setOf("d k p q dp dq qi oth") // what nobody else may know of a key
var ofIDs = regexp.MustCompile(`(?i)(?:ids?|ack|sha256|digest|case|traceparent)$`)

const (
	named = `(passw(?:or)?d|passphrase|pwd|secret|seed|mnemonic|(?:api|access|private|secret|account|storage|wallet` +
		`|signing|encryption|master)[_-]?key(?:[_-]?(?:multibase|base58|jwk|hex|pem))?|token)`
	folded = `(?:[ \t]{0,4}\r?\n[ \t]{1,32})` // where a line goes on in the next one
)

// whole are secrets themselves, and what stands in their place; what is around them stays.
var whole = []struct {
	found *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{1,60}-----|\z)`),
		"[redacted private key]"},
	{regexp.MustCompile(`(^|[^A-Za-z0-9])whs(?:ec|k)_[A-Za-z0-9+/_=-]{8,}`), "${1}[redacted webhook secret]"},
	{regexp.MustCompile(`(^|[^A-Za-z])eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){2,4}(?:~[A-Za-z0-9_.-]*)*`), "${1}[redacted JWT]"},
	{regexp.MustCompile(`(^|[^A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}` +
		`|[rs]k_(?:live|test)_[A-Za-z0-9]{8,}|xox[abeoprs]-[A-Za-z0-9-]{8,}|npm_[A-Za-z0-9]{24,}|glpat-[A-Za-z0-9_-]{16,}` +
		`|AIza[A-Za-z0-9_-]{30,}|sk-(?:[a-z0-9]{1,16}-){0,3}[A-Za-z0-9_]{20,}[A-Za-z0-9_-]*` +
		`|hooks\.slack\.com/services/[A-Za-z0-9/_-]{16,}|tocsin_[a-z0-9]{4,32}_[A-Za-z0-9_-]{16,}` +
		`|A(?:KI|SI)A[A-Z0-9]{16}\b(?:[\s:,;/"'=]{1,4}[A-Za-z0-9/+]{40}\b)?)`), "${1}[redacted API key]"},
	{regexp.MustCompile(`(?i)(\b[a-z][a-z0-9+.-]{0,30}://[^\s/?#@:"'<>]*:)[^\s/?#@"'<>]+(?:@[^\s/?#@"'<>,;]+)*(@)`),
		"${1}[redacted password]${2}"},
	{regexp.MustCompile(`(?i)([?&](?:sig|(?:x-amz-|x-goog-)?signature)=)[A-Za-z0-9%/+_-]{16,}=*`), "${1}[redacted value]"},
}
var privateJWK = regexp.MustCompile(`(["'](?:d|k|p|q|dp|dq|qi)\\{0,8}["']\s{0,8}:\s{0,32}[bBuU]?\\{0,8}["'])[A-Za-z0-9_-]{20,}=*`)

// introduced is what stands before a secret: what may not be before it, where the secret begins and ends, and what
// stands in its place.
var introduced = []struct {
	found    *regexp.Regexp
	notAfter func(before string) bool
	value    func(text string, at int) (int, int)
	kind     string
}{
	{regexp.MustCompile(`(?i)authorization\\{0,8}["']?[ \t]{0,4}[:=][ \t]{0,4}b?\\{0,8}["']?`), nil, credentials, "credentials"},
	{regexp.MustCompile(`(?i)(?:bearer|basic)(?:[ \t]+|` + folded + `)`), endsIn(`(?i)[a-z]$`), bearer, "credentials"},
	{regexp.MustCompile(`(?i)` + named + `[ \t]?(?:=>?|:=)[ \t]?`), nil, anyValue, "value"},
	{regexp.MustCompile(`(?i)(?:` + named + `|cookie2?)\\*["']\s{0,8}(?::|=>?)\s{0,32}`), nil, anyValue, "value"},
	{regexp.MustCompile(`(?i)(?:` + named + `|cookie2?)\\*["'][ \t]{0,4},[ \t]{0,4}`), nil, paired, "value"},
	{regexp.MustCompile(`(?i)` + named + `[ \t]?:(?:` + folded + `|[ \t]{0,4})`), endsIn(`(?:unexpected|unknown) $`), saidValue, "value"},
	{regexp.MustCompile(`(?i)--(?:[a-z0-9]{1,20}-){0,3}` + named + `[ \t]{1,4}`), endsIn(`[\w-]$`), saidValue, "value"},
	{regexp.MustCompile(`(?i)` + named + `>`), nil, element, "value"},
	{regexp.MustCompile(`-(?:u|-user)[ =]{1,2}["']?[^\s:"'/]{1,64}:`), endsIn(`\S$`), by(`[^\s"'/:]{3,}`), "value"},
	{regexp.MustCompile(`(?i)cookie2?[ \t]*:[ \t]*`), endsIn(`(?i)[a-z]$`), cookies, "cookie"},
}

func setOf(names string) map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(names) {
		set[name] = true
	}
	return set
}

func endsIn(pattern string) func(string) bool {
	found := regexp.MustCompile(pattern)
	return func(before string) bool { return found.MatchString(before[max(0, len(before)-16):]) }
}

// by is the stretch that a pattern matches from here on; an empty one is none.
func by(pattern string) func(string, int) (int, int) {
	found := regexp.MustCompile(`^(?:` + pattern + `)`)
	return func(text string, at int) (int, int) {
		if place := found.FindStringIndex(text[at:]); place != nil {
			return at, at + place[1]
		}
		return at, at
	}
}

var (
	aWord       = by(`[^\s"'&;,<>\\]+`)
	aLongWord   = by(`[^\s"'&;,<>\\]{3,}`)
	aRest       = by(`[^\s"'&;,<>\\)\]}]+`)
	aCredential = by(`[A-Za-z0-9._~+/-]+`)
	credential  = by(`[A-Za-z0-9._~+/-]{8,}=*`)
	aScheme     = by(`(?:(?i:api-?key|dpop|oauth|aws4-hmac-sha256)|[A-Za-z][a-z-]{0,20}|[A-Z-]{1,20})[ \t]{1,4}`)
	aLine       = by(`[^\r\n]+`)
	aText       = by(`[^<>\r\n]+`)
	aQuote      = regexp.MustCompile(`^[bBrRuUfF]{0,2}(\\*)(["'])`)
	isCookie    = regexp.MustCompile(`^[^\s=;]{1,200}=`)
	isPair      = regexp.MustCompile(`^b?\\{0,8}["'][^"'\\\r\n]{0,64}[0-9]`)
	isRedacted  = regexp.MustCompile(`^(?:\[redacted|[^\s"'&;,<>\\]{1,24}[ \t]{1,4}\[redacted)`)
	isAddress   = regexp.MustCompile(`^(?:did:|https?:|urn:)`)
	opensValue  = regexp.MustCompile(`[\[({,:\s]b?$`)
	digit       = regexp.MustCompile(`[0-9]`)
	small       = regexp.MustCompile(`[a-z]`)
	large       = regexp.MustCompile(`[A-Z]`)
)

// made is whether what begins here is made by a machine, as opposed to a word ("Basic authentication").
func made(text string, at int, stretch func(string, int) (int, int)) bool {
	_, end := stretch(text[:min(len(text), at+64)], at)
	run := text[at:min(end, at+32)]
	return len(run) == 32 || digit.MatchString(run) || len(run) > 1 && small.MatchString(run[1:]) && large.MatchString(run[1:])
}

func credentials(text string, at int) (int, int) {
	_, behind := aScheme(text, at)
	for _, from := range []int{behind, at} { // the first of two words names a scheme
		_, end := aWord(text, from)
		if !isRedacted.MatchString(text[from:]) && end-from >= 4 && made(text, from, aWord) {
			return from, end
		}
	}
	return at, at
}

func bearer(text string, at int) (int, int) {
	if made(text, at, aCredential) {
		return credential(text, at)
	}
	return at, at
}

func cookies(text string, at int) (int, int) {
	if isCookie.MatchString(text[at:]) {
		return aLine(text, at)
	}
	return at, at
}

func element(text string, at int) (int, int) {
	if _, end := aText(text, at); strings.HasPrefix(text[end:], "</") {
		return at, end
	}
	return at, at
}

func paired(text string, at int) (int, int) {
	if isPair.MatchString(text[at:]) {
		return anyValue(text, at)
	}
	return at, at
}

// quoted is a quoted value, if there is one. A quote with more backslashes than the first ends nothing.
func quoted(text string, at int) (start, end int, ok bool) {
	open := aQuote.FindStringSubmatchIndex(text[at:])
	if open == nil {
		return at, at, false
	}
	back, quote := open[3]-open[2], text[at+open[4]]
	start = at + open[1]
	for end = start; end < len(text) && text[end] != '\r' && text[end] != '\n'; {
		slashes := 0
		for end+slashes < len(text) && text[end+slashes] == '\\' {
			slashes++
		}
		ends := end+slashes < len(text) && text[end+slashes] == quote
		if ends && slashes <= back {
			break
		}
		end += slashes
		if ends || slashes == 0 {
			end++
		}
	}
	return start, end, true
}

// bracketed is the end of a list or an object; what is quoted where a value begins may hold brackets.
func bracketed(text string, at int) int {
	depth := 0
	for end := at; end < len(text); end++ {
		switch text[end] {
		case '[', '(', '{':
			depth++
		case ']', ')', '}':
			if depth--; depth == 0 {
				return end + 1
			}
		case '"', '\'', '\\':
			if !opensValue.MatchString(text[max(at, end-2):end]) {
				continue
			}
			if start, inner, ok := quoted(text, end); ok {
				if inner < len(text) && text[inner] == '\\' {
					inner += start - end - 1
				}
				end = inner
			}
		}
	}
	return len(text)
}

func anyValue(text string, at int) (int, int) {
	if start, end, ok := quoted(text, at); ok {
		return start, end
	}
	if at == len(text) || !strings.ContainsRune("[({", rune(text[at])) || strings.HasPrefix(text[at:], "[redacted") {
		return aLongWord(text, at)
	}
	_, end := aRest(text, bracketed(text, at))
	return at, end
}

func saidValue(text string, at int) (int, int) {
	if start, end, ok := quoted(text, at); ok {
		return start, end
	}
	_, end := aWord(text, at)
	if end-at >= 4 && !isAddress.MatchString(text[at:]) && made(text, at, aWord) {
		return at, end
	}
	return at, at
}

// isSeed is whether a name is one; only some seeds are secrets.
func isSeed(text string, place []int) bool {
	if len(place) < 4 || place[2] < 0 || !strings.EqualFold(text[place[2]:place[3]], "seed") {
		return true
	}
	before := strings.ToLower(text[max(0, place[2]-3):place[2]])
	return before == "did" || before == "let" || before == "" || before[len(before)-1] < 'a' || before[len(before)-1] > 'z'
}

// withoutIntroduced is the text without what an introduction of this number announces.
func withoutIntroduced(text string, number int) string {
	one, clean, done, from := introduced[number], strings.Builder{}, 0, 0
	for from <= len(text) {
		place := one.found.FindStringSubmatchIndex(text[from:])
		if place == nil {
			break
		}
		for at := range place {
			if place[at] >= 0 {
				place[at] += from
			}
		}
		if one.notAfter != nil && one.notAfter(text[:place[0]]) {
			from = place[0] + 1
			continue
		}
		from = place[1]
		if !isSeed(text, place) {
			continue
		}
		start, end := one.value(text, from)
		if end == start || strings.HasPrefix(text[start:], "[redacted") {
			continue
		}
		clean.WriteString(text[done:start] + "[redacted " + one.kind + "]")
		done, from = end, end
	}
	return clean.String() + text[done:]
}

var cards = regexp.MustCompile(`[2-6](?:[ -]?[0-9]){12,18}`)
var inWord = regexp.MustCompile(`^\w`)

// withoutCards takes out digits in groups that are a card number (Luhn).
func withoutCards(text string) string {
	clean, done, from := strings.Builder{}, 0, 0
	for from < len(text) {
		place := cards.FindStringIndex(text[from:])
		if place == nil {
			break
		}
		start, end := from+place[0], from+place[1]
		from = start + 1
		if start > 0 && (inWord.MatchString(text[start-1:]) || text[start-1] == '.' || text[start-1] == '+') {
			continue
		}
		for inWord.MatchString(text[end:]) && end > start {
			end = start + max(0, strings.LastIndexAny(text[start:end], " -"))
		}
		if length := card(text[start:end]); length > 0 {
			clean.WriteString(text[done:start] + "[redacted card number]")
			done, from = start+length, start+length
		}
	}
	return clean.String() + text[done:]
}

// card is how long the card number is that digits in groups begin with; 0 if they do not.
func card(groups string) int {
	ends := digit.FindAllStringIndex(groups, -1)
	for _, length := range []int{16, 15, 14, 19, 18, 17, 13} {
		if length > len(ends) || length < len(ends) && ends[length][0] == ends[length-1][1] {
			continue
		}
		sum := 0
		for place := 0; place < length; place++ {
			one := int(groups[ends[length-1-place][0]] - '0')
			if place%2 == 1 {
				one = one/5 + 2*one%10
			}
			sum += one
		}
		if sum%10 == 0 {
			return ends[length-1][1]
		}
	}
	return 0
}

func cleanText(text, name string) string {
	for pass, before := 0, text+" "; pass < 5 && text != before; pass++ { // what was taken out may have hidden another one
		before = text
		for _, secret := range whole {
			text = secret.found.ReplaceAllString(text, secret.shown)
		}
		if strings.Contains(text, "kty") {
			text = privateJWK.ReplaceAllString(text, "${1}[redacted private key]")
		}
		for number := range introduced {
			text = withoutIntroduced(text, number)
		}
		if !ofIDs.MatchString(name) {
			text = withoutCards(text)
		}
	}
	return text
}

func isSecretName(name string) bool {
	last := name[strings.LastIndex(name, ".")+1:]
	short := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(last))
	for _, ending := range secretEndings {
		if strings.HasSuffix(short, ending) {
			return true
		}
	}
	return secretNames[short]
}

func isEmpty(value any) bool {
	switch one := value.(type) {
	case nil, bool:
		return true
	case string:
		return one == ""
	case []any:
		return len(one) == 0
	case map[string]any:
		return len(one) == 0
	}
	return false
}

// clean gives the bytes of a document without what is plainly a secret, and whether it is no JSON.
func clean(document any) (body []byte, plain bool, err error) {
	raw, given := document.([]byte)
	if text, ok := document.(string); ok {
		raw, given = []byte(text), true
	}
	if !given {
		if raw, err = json.Marshal(document); err != nil {
			return nil, false, err
		}
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if given && (!json.Valid(raw) || decoder.Decode(&value) != nil) {
		return []byte(withoutSecrets(string(raw), "").(string)), true, nil
	}
	if !given {
		if err = decoder.Decode(&value); err != nil {
			return nil, false, err
		}
	}
	body, err = json.Marshal(withoutSecrets(value, ""))
	return body, false, err
}

func withoutSecrets(value any, name string) any {
	switch one := value.(type) {
	case string:
		return cleanText(one, name)
	case json.Number:
		if len(one) >= 13 && len(one) <= 19 {
			if clean := cleanText(one.String(), name); strings.HasPrefix(clean, "[") {
				return clean
			}
		}
	case []any:
		for at, each := range one {
			one[at] = withoutSecrets(each, name)
		}
	case map[string]any:
		return withoutMembers(one)
	}
	return value
}

func withoutMembers(members map[string]any) map[string]any {
	_, isKey := members["kty"]
	known, _ := members["key"].(string) // of an item
	clean := make(map[string]any, len(members))
	for name, each := range members {
		secret := isSecretName(name) || isKey && ofJWK[name] || name == "value" && isSecretName(known)
		if secret && !isEmpty(each) {
			clean[cleanText(name, "")] = "[redacted value]"
		} else {
			clean[cleanText(name, "")] = withoutSecrets(each, name)
		}
	}
	return clean
}
