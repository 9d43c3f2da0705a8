// Command serve is an original server of a log: golang.org/x/build/maintner/maintnerd/gcslog, as it comes.
//
// It prints the address of its log, and for each line of its input, a number N, it logs the next N issues
// and prints how many there are. As the original does, it serves them before it stores them; here it
// stores nothing, for its bucket is empty, and is asked for nothing but that.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/build/maintner/maintnerd/gcslog"
	"golang.org/x/build/maintner/maintpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// serveEmptyBucket is a GCS with an empty bucket, for the client that gcslog makes for itself.
func serveEmptyBucket() error {
	l, err := listen()
	if err != nil {
		return err
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || !strings.HasSuffix(r.URL.Path, "/o") {
			http.Error(w, "only listings are served", http.StatusNotImplemented)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"storage#objects"}`)
	}
	go http.Serve(l, http.HandlerFunc(handler))
	return os.Setenv("STORAGE_EMULATOR_HOST", l.Addr().String())
}

func issue(number int) *maintpb.Mutation {
	when := &timestamppb.Timestamp{Seconds: 1_500_000_000 + int64(number)}
	return &maintpb.Mutation{GithubIssue: &maintpb.GithubIssueMutation{
		Owner:   "example",
		Repo:    "ledger",
		Number:  int32(number),
		Id:      1_000_000 + int64(number),
		User:    &maintpb.GithubUser{Id: 7, Login: "ann"},
		Created: when,
		Updated: when,
		Title:   fmt.Sprintf("Issue %d of the ledger", number),
		Body:    strings.Repeat("b", 300),
	}}
}

func run() error {
	if err := serveEmptyBucket(); err != nil {
		return err
	}
	log, err := gcslog.NewGCSLog(context.Background(), "empty")
	if err != nil {
		return err
	}
	// What it holds is nothing; reading it is what lets it be written to.
	for event := range log.GetMutations(context.Background()) {
		if event.Err != nil {
			return event.Err
		}
		if event.End {
			break
		}
	}
	mux := http.NewServeMux()
	log.RegisterHandlers(mux)
	l, err := listen()
	if err != nil {
		return err
	}
	go http.Serve(l, mux)
	fmt.Printf("http://%s/logs\n", l.Addr())

	logged := 0
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		more, err := strconv.Atoi(input.Text())
		if err != nil {
			return err
		}
		for range more {
			logged++
			if err := log.Log(issue(logged)); err != nil {
				return err
			}
		}
		fmt.Println(logged)
	}
	return input.Err()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
