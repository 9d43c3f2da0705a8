// Package cost says what a process used: time, processor and memory. Linux only.
package cost

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// every is how often the memory is looked at; what comes and goes in between is not seen.
const every = 10 * time.Millisecond

// Cost is what a piece of work used. Memory is the whole process's.
type Cost struct {
	Seconds float64 `json:"seconds"`
	// UserSeconds and SystemSeconds are of all the process's threads, from its start.
	UserSeconds   float64 `json:"user_seconds"`
	SystemSeconds float64 `json:"system_seconds"`
	// PeakBytes is the most memory that was resident, files' pages included.
	PeakBytes int64 `json:"peak_bytes"`
	// PeakAnonymousBytes is the most that was no file's.
	PeakAnonymousBytes int64 `json:"peak_anonymous_bytes"`
}

// Of does the work and says what it used.
func Of(work func() error) (c Cost, err error) {
	stop, peak := make(chan struct{}), make(chan int64)
	go watchAnonymous(stop, peak)
	start := time.Now()
	err = work()
	c.Seconds = time.Since(start).Seconds()
	var usage syscall.Rusage
	usageErr := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	close(stop)
	c.PeakAnonymousBytes = <-peak
	if err != nil {
		return c, err
	}
	if usageErr != nil {
		return c, usageErr
	}
	c.UserSeconds = time.Duration(usage.Utime.Nano()).Seconds()
	c.SystemSeconds = time.Duration(usage.Stime.Nano()).Seconds()
	// Not the usage's own peak: that one begins with what the process was before it became this program.
	c.PeakBytes, err = status("VmHWM")
	return c, err
}

// watchAnonymous looks until told to stop, and then sends the most that it saw.
func watchAnonymous(stop <-chan struct{}, peak chan<- int64) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	most := int64(0)
	for {
		// A look that fails is one look less.
		if now, err := status("RssAnon"); err == nil {
			most = max(most, now)
		}
		select {
		case <-tick.C:
		case <-stop:
			peak <- most
			return
		}
	}
}

// status reads a size from what the kernel says of this process.
func status(name string) (int64, error) {
	const path = "/proc/self/status"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		value, ok := bytes.CutPrefix(line, []byte(name+":"))
		if !ok {
			continue
		}
		fields := bytes.Fields(value)
		if len(fields) != 2 || string(fields[1]) != "kB" {
			break
		}
		kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
		return kib << 10, err
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
