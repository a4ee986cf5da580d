// A service with docs/publishers/tocsin.go that does what each line of its input says, and answers each with a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"example/tocsin"
)

type deed struct {
	Deed, Text, Name, Kind, Traceparent, Id string
	Document                                any
	Members                                 map[string]any
	Context                                 map[string]string
	About                                   about
	Count, Number, Of, Within               int
}

type about struct {
	Key, Code, Traceparent, Dialect, MediaType string
	Context                                    map[string]string
}

type LedgerAway struct {
	text  string
	cause error
}

func (l *LedgerAway) Error() string { return l.text }
func (l *LedgerAway) Unwrap() error { return l.cause }

type unsayable struct{}

func (unsayable) Error() string { panic("no") }

func failure(text string) error { return &LedgerAway{text, errors.New("the disk is gone")} }

func null(key string) any {
	if key == "" {
		return nil
	}
	return key
}

func do(bus *tocsin.Publisher, one deed) any {
	ctx := context.Background()
	switch one.Deed {
	case "problem":
		return null(bus.Problem(ctx, one.Document, tocsin.About(one.About)))
	case "many":
		answers := []any{}
		for n := 0; n < one.Count; n++ {
			document := map[string]string{"code": fmt.Sprintf("e.p.many.n-%d", n)}
			answers = append(answers, null(bus.Problem(ctx, document, tocsin.About{})))
		}
		return answers
	case "capture":
		return null(bus.Capture(ctx, failure(one.Text), tocsin.About(one.About)))
	case "observe":
		return null(bus.Observe(ctx, one.Kind, one.Members, tocsin.About{}))
	case "within":
		ctx = tocsin.Within(ctx, tocsin.About{Traceparent: one.Traceparent, Context: one.Context})
		return null(bus.Problem(ctx, one.Document, tocsin.About{}))
	case "request":
		request := httptest.NewRequest("GET", "/", nil)
		request.Header.Set("X-Request-ID", one.Id)
		bus.Handler(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
			bus.Problem(request.Context(), map[string]string{"code": "e.p.of.a.request"}, tocsin.About{})
		})).ServeHTTP(httptest.NewRecorder(), request)
		return nil
	case "job":
		attempt := tocsin.Attempt{Number: one.Number, Of: one.Of}
		err := bus.Job(ctx, one.Name, attempt, func(ctx context.Context, run *tocsin.Run) error {
			run.Progress("half", map[string]string{"done": "5"})
			if one.Text != "" {
				return failure(one.Text)
			}
			return nil
		})
		if err != nil {
			return err.Error()
		}
		return "done"
	case "cannotBeTold":
		told := bus.Problem(ctx, map[string]any{"code": func() {}}, tocsin.About{})
		bus.Problem(ctx, make(chan int), tocsin.About{})
		return []any{null(told), nil, null(bus.Capture(ctx, unsayable{}, tocsin.About{}))}
	case "flush":
		return stats(bus.Flush(time.Duration(one.Within) * time.Millisecond))
	case "close":
		return stats(bus.Close(time.Duration(one.Within) * time.Millisecond))
	case "stats":
		return stats(bus.Stats())
	case "unhandled":
		go func() {
			defer bus.Recover(ctx, tocsin.About{})
			panic(failure("nobody caught it"))
		}()
		return nil
	}
	panic("no such deed: " + one.Deed)
}

func stats(s tocsin.Stats) map[string]int {
	return map[string]int{"sent": s.Sent, "refused": s.Refused, "dropped": s.Dropped, "left": s.Left, "bytes": s.Bytes}
}

func main() {
	var given struct {
		Url, ApiKey, Tenant, Service                             string
		MaxEvents, Timeout, ExitWithin, FirstPause, LongestPause int
	}
	if err := json.Unmarshal([]byte(os.Args[1]), &given); err != nil {
		panic(err)
	}
	ms := func(number int) time.Duration { return time.Duration(number) * time.Millisecond }
	bus, err := tocsin.New(tocsin.Settings{URL: given.Url, APIKey: given.ApiKey, Tenant: given.Tenant, Service: given.Service,
		MaxEvents: given.MaxEvents, Timeout: ms(given.Timeout), ExitWithin: ms(given.ExitWithin),
		FirstPause: ms(given.FirstPause), LongestPause: ms(given.LongestPause)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer bus.Close(ms(given.ExitWithin))
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var one deed
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			panic(err)
		}
		said, _ := json.Marshal(map[string]any{"answer": do(bus, one)})
		fmt.Println(string(said))
	}
}
