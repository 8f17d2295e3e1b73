// Command workloads runs the workloads of ../scheduler_cases.cpp and ../channel_cases.cpp on Go's own
// runtime. One case a process; one JSON object a repetition, like runtime_bench.
//
//	workloads -case yield -workers 2 -warm 1000000 -seconds 0.2 [-traced]
//	workloads -case parked -workers 2 -warm 1000000 -size 1000000 [-traced]
//
// Which sizes, runtime_bench says: it lists its cases with them.
// With -traced, Go's execution tracer writes to a writer that throws everything away.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// run is what one repetition reports.
type run struct {
	operations int
	timed      time.Duration // what lies between start and stop; zero: the whole repetition
	started    time.Time
	figures    map[string]float64
}

func (r *run) start()                         { r.started = time.Now() }
func (r *run) stop()                          { r.timed += time.Since(r.started) }
func (r *run) set(name string, value float64) { r.figures[name] = value }

// setPercentiles reports median, 99th percentile and maximum in microseconds.
func (r *run) setPercentiles(prefix string, values []time.Duration) {
	slices.Sort(values)
	us := func(i int) float64 { return float64(values[i].Nanoseconds()) / 1e3 }
	r.set(prefix+"_p50_us", us(len(values)/2))
	r.set(prefix+"_p99_us", us(len(values)*99/100))
	r.set(prefix+"_max_us", us(len(values)-1))
}

type workload func(size int, r *run)

var workloads = map[string]workload{}

// each runs body in count goroutines and joins them.
func each(count int, body func(i int)) {
	var all sync.WaitGroup
	all.Add(count)
	for i := range count {
		go func() {
			body(i)
			all.Done()
		}()
	}
	all.Wait()
}

func ownCPU() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// machineTime is what the processors did in seconds: for anybody, and taken by the hypervisor.
func machineTime() (busy, stolen float64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	var user, nice, system, idle, wait, irq, soft, steal float64
	fmt.Sscanf(string(text), "cpu %f %f %f %f %f %f %f %f",
		&user, &nice, &system, &idle, &wait, &irq, &soft, &steal)
	return (user + nice + system + irq + soft) / 100, steal / 100
}

func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0
	}
	var kib float64
	for _, line := range strings.Split(string(text), "\n") {
		if n, _ := fmt.Sscanf(line, "Rss: %f kB", &kib); n == 1 {
			break
		}
	}
	return kib * 1024
}

func repeat(w workload, size int) map[string]any {
	runtime.GC()
	r := &run{operations: size, figures: map[string]float64{}}
	busy, stolen := machineTime()
	cpu := ownCPU()
	begin := time.Now()
	w(size, r)
	whole := time.Since(begin)
	own := ownCPU() - cpu
	busyAfter, stolenAfter := machineTime()
	if r.timed == 0 {
		r.timed = whole
	}
	line := map[string]any{
		"operations": r.operations,
		"ns_op":      float64(r.timed.Nanoseconds()) / float64(r.operations),
		"wall_s":     whole.Seconds(),
		"cpu_s":      own,
		"foreign_s":  busyAfter - busy - own,
		"stolen_s":   stolenAfter - stolen,
	}
	for name, value := range r.figures {
		line[name] = value
	}
	return line
}

func main() {
	name := flag.String("case", "", "what to measure")
	warm := flag.Int("warm", 0, "size of a first repetition, not reported; 0: none")
	size := flag.Int("size", 0, "of the case; 0: a multiple of -warm that takes -seconds")
	seconds := flag.Float64("seconds", 0.2, "of a repetition without a -size")
	workers := flag.Int("workers", 1, "GOMAXPROCS")
	kept := flag.Int("repetitions", 1, "to report")
	traced := flag.Bool("traced", false, "run Go's execution tracer")
	flag.Parse()
	w, known := workloads[*name]
	if !known {
		fmt.Fprintf(os.Stderr, "workloads: no case %q\n", *name)
		os.Exit(2)
	}
	if *size == 0 && *warm == 0 {
		fmt.Fprintln(os.Stderr, "workloads: without a first repetition it needs a -size")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(*workers)
	if *traced {
		if err := trace.Start(io.Discard); err != nil {
			fmt.Fprintln(os.Stderr, "workloads:", err)
			os.Exit(1)
		}
	}
	if *warm != 0 {
		wall := repeat(w, *warm)["wall_s"].(float64)
		if *size == 0 {
			*size = *warm * max(1, int(math.Round(*seconds/wall)))
		}
	}
	for range *kept {
		line, err := json.Marshal(repeat(w, *size))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
}
