// The Go side of runtime/FROM_GO.md: each marked region stands there beside the region of the same
// mark in from_go.cpp. `go run from_go.go` compiles and runs all of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// As much of golang.org/x/sync/errgroup as is used here: this file needs the standard library only.
type group struct {
	wait   sync.WaitGroup
	once   sync.Once
	places chan struct{}
	cancel context.CancelFunc
	err    error
}

func (g *group) SetLimit(n int) { g.places = make(chan struct{}, n) }
func (g *group) Go(f func() error) {
	g.places <- struct{}{}
	g.wait.Add(1)
	go func() {
		defer func() { <-g.places; g.wait.Done() }()
		if err := f(); err != nil {
			g.once.Do(func() { g.err = err; g.cancel() })
		}
	}()
}
func (g *group) Wait() error {
	g.wait.Wait()
	g.cancel()
	return g.err
}

type errgroupPackage struct{}

func (errgroupPackage) WithContext(parent context.Context) (*group, context.Context) {
	ctx, cancel := context.WithCancel(parent)
	return &group{cancel: cancel}, ctx
}

var errgroup errgroupPackage

func require(ok bool, what string) {
	if !ok {
		panic(what)
	}
}

func programMain() int {
	// [go: program]
	numbers := make(chan int)
	go func() {
		for i := 1; i <= 3; i++ {
			numbers <- i
		}
		close(numbers)
	}()
	sum := 0
	for number := range numbers {
		sum += number
	}
	// [end]
	return sum
}

func goroutines() {
	greetings := make(chan string)
	name := "Ada"
	greet := func(who string) { greetings <- "hello " + who }
	// [go: goroutine]
	go greet(name)

	go func() { greet("Bob") }()
	// [end]
	require(len(<-greetings)+len(<-greetings) == 18, "goroutine")
}

func waitGroup() {
	var sum atomic.Int32
	parts := []int32{1, 2, 3}
	// [go: waitgroup]
	var group sync.WaitGroup
	for _, part := range parts {
		group.Add(1)
		go func() {
			defer group.Done()
			sum.Add(part)
		}()
	}
	group.Wait()
	// [end]
	require(sum.Load() == 6, "waitgroup")
}

func maxprocs() {
	// [go: gomaxprocs]
	before := runtime.GOMAXPROCS(2)
	runtime.Gosched()
	runtime.GOMAXPROCS(before)
	// [end]
}

// [go: panic]
func guarded(divisor int) (text string) {
	defer func() {
		if e := recover(); e != nil {
			text = fmt.Sprint("recovered: ", e)
		}
	}()
	if divisor == 0 {
		panic("zero")
	}
	return fmt.Sprint(12 / divisor)
}

// [end]

func deferred() {
	var mutex sync.Mutex
	balance := 1
	add := func(amount int) {
		// [go: defer]
		mutex.Lock()
		defer mutex.Unlock()
		if amount < 0 {
			return
		}
		balance += amount
		// [end]
	}
	add(-1)
	add(1)
	require(balance == 2, "defer")
}

func channels() {
	// [go: channel]
	done := make(chan string)
	go func() { done <- "ready" }()
	word := <-done
	// [end]
	require(word == "ready", "channel")

	// [go: buffered]
	box := make(chan int, 2)
	box <- 1
	box <- 2 // does not wait
	full := len(box) == cap(box)
	// [end]
	require(full, "buffered")

	sum := 0
	// [go: close-range]
	jobs := make(chan int, 3)
	for _, job := range []int{1, 2, 3} {
		jobs <- job
	}
	close(jobs)
	for job := range jobs {
		sum += job
	}
	_, open := <-jobs // false
	// [end]
	require(sum == 6 && !open, "close")
}

// [go: direction]
func countTo(n int, to chan<- int) {
	for i := 1; i <= n; i++ {
		to <- i
	}
	close(to)
}

func total(from <-chan int) (sum int) {
	for number := range from {
		sum += number
	}
	return sum
}

// [end]

func selects() {
	numbers, words := make(chan int, 1), make(chan string, 1)
	words <- "yes"
	var got string
	// [go: select]
	select {
	case n := <-numbers:
		got = fmt.Sprint(n)
	case w := <-words:
		got = w
	}
	// [end]
	require(got == "yes", "select")

	idle := false
	nobody := make(chan int)
	numbers = nobody
	// [go: select-default]
	select {
	case numbers <- 1:
	default:
		idle = true
	}
	// [end]
	require(idle, "default")

	late := false
	// [go: time-after]
	select {
	case <-numbers:
	case <-time.After(10 * time.Millisecond):
		late = true
	}
	// [end]
	require(late, "after")

	left, sum := make(chan int, 1), 0
	left <- 1
	close(left)
	// [go: nil-channel]
	for left != nil {
		select {
		case n, ok := <-left:
			if ok {
				sum += n
			} else {
				left = nil // never ready again
			}
		}
	}
	// [end]
	require(sum == 1, "nil")
}

func times() {
	// [go: sleep]
	begin := time.Now()
	time.Sleep(20 * time.Millisecond)
	took := time.Since(begin)
	// [end]
	require(took >= 20*time.Millisecond, "sleep")

	// [go: timer]
	idle := time.NewTimer(30 * time.Second)
	idle.Reset(time.Millisecond)
	<-idle.C
	pending := idle.Stop()
	// [end]
	require(!pending, "timer")

	// [go: ticker]
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for range 3 {
		<-ticker.C
	}
	// [end]

	rang := make(chan struct{})
	// [go: after-func]
	alarm := time.AfterFunc(5*time.Millisecond,
		func() { close(rang) })
	<-rang
	stopped := alarm.Stop() // too late
	// [end]
	require(!stopped, "afterfunc")
}

// [go: mutex]
type Counter struct {
	mutex sync.Mutex
	count int
}

func (c *Counter) Add(n int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.count += n
}

// [end]

func sharedState() {
	var counter Counter
	counter.Add(2)
	require(counter.count == 2, "mutex")

	value, seen := 1, 0
	{
		// [go: rwmutex]
		var mutex sync.RWMutex
		mutex.RLock()
		seen = value
		mutex.RUnlock()

		mutex.Lock()
		value = 2
		mutex.Unlock()
		// [end]
	}
	require(seen == 1 && value == 2, "rwmutex")

	loads := 0
	load := func() int { loads++; return loads }
	{
		// [go: once]
		var once sync.Once
		once.Do(func() { load() })
		once.Do(func() { load() })

		table := sync.OnceValue(func() int { return load() })
		value := table() + table()
		// [end]
		require(loads == 2 && value == 4, "once")
	}

	ready := false
	{
		// [go: cond]
		var mutex sync.Mutex
		changed := sync.NewCond(&mutex)
		go func() {
			mutex.Lock()
			defer mutex.Unlock()
			ready = true
			changed.Broadcast()
		}()
		mutex.Lock()
		for !ready {
			changed.Wait()
		}
		mutex.Unlock()
		// [end]
	}

	// [go: pool]
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	buffer := buffers.Get().(*[]byte)
	*buffer = (*buffer)[:0]
	*buffer = append(*buffer, "hello"...)
	buffers.Put(buffer)
	// [end]

	// [go: sync-map]
	var ages sync.Map
	ages.Store("Ada", 36)
	age, loaded := ages.LoadOrStore("Ada", 0)
	_, found := ages.Load("Bob")
	ages.Delete("Ada")
	// [end]
	require(age.(int) == 36 && loaded && !found, "map")

	// [go: atomic]
	var hits atomic.Int32
	hits.Add(2)
	now := hits.Load()
	// [end]
	require(now == 2, "atomic")

	var done atomic.Int32
	// [go: semaphore]
	places := make(chan struct{}, 2)
	var group sync.WaitGroup
	for range 5 {
		group.Add(1)
		go func() {
			defer group.Done()
			places <- struct{}{}
			defer func() { <-places }()
			done.Add(1)
		}()
	}
	group.Wait()
	// [end]
	require(done.Load() == 5, "semaphore")
}

// [go: with-timeout]
func ask(parent context.Context,
	answers <-chan int) (int, error) {
	ctx, cancel := context.WithTimeout(parent,
		10*time.Millisecond)
	defer cancel()
	select {
	case answer := <-answers:
		return answer, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// [end]

// [go: with-value]
type userKey struct{}

func userOf(ctx context.Context) string {
	user, _ := ctx.Value(userKey{}).(string)
	return user
}

func asAda(ctx context.Context) context.Context {
	return context.WithValue(ctx, userKey{}, "Ada")
}

// [end]

func contexts() {
	ended, never := make(chan struct{}), make(chan int)
	{
		// [go: with-cancel]
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-never:
			case <-ctx.Done():
				close(ended)
			}
		}()
		cancel()
		// [end]
		<-ended
	}
	_, err := ask(context.Background(), never)
	require(err == context.DeadlineExceeded, "timeout")
	require(userOf(asAda(context.Background())) == "Ada", "value")
	{
		// [go: cause]
		ctx, cancel := context.WithCancelCause(
			context.Background())
		cancel(errors.New("out of paper"))
		why := context.Cause(ctx).Error()
		// [end]
		require(why == "out of paper", "cause")
	}

	files := []string{"a", "b"}
	load := func(ctx context.Context, file string) error {
		if file == "b" {
			return errors.New("no " + file)
		}
		return ctx.Err()
	}
	ctx := context.Background()
	{
		// [go: errgroup]
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(4)
		for _, file := range files {
			group.Go(func() error {
				return load(ctx, file)
			})
		}
		failure := group.Wait()
		// [end]
		require(failure != nil, "errgroup")
	}

	addUp := func() int { return 6 }
	// [go: future]
	sum := make(chan int, 1)
	go func() { sum <- addUp() }()
	value := <-sum
	// [end]
	require(value == 6, "future")
}

func network() error {
	heard := make([]byte, 5)
	// [go: net]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			conn.Write([]byte("hello"))
			conn.Close()
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	_, err = io.ReadFull(conn, heard)
	// [end]
	require(string(heard) == "hello", "net")
	return err
}

func outside() error {
	// [go: signal]
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	number := <-hangups
	signal.Stop(hangups)
	// [end]
	require(number == syscall.SIGHUP, "signal")

	ctx := context.Background()
	// [go: exec]
	said, err := exec.CommandContext(ctx, "echo", "hello").Output()
	if err != nil {
		return err
	}
	// [end]
	require(string(said) == "hello\n", "exec")

	path := "/dev/null"
	// [go: files]
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return err
	}
	// [end]
	require(len(text) == 0, "files")

	ends := make([]int, 2)
	if err := syscall.Pipe(ends); err != nil {
		return err
	}
	fd := ends[1]
	// [go: syscall]
	sent, err := syscall.Write(fd, []byte("hello"))
	// [end]
	require(sent == 5, "syscall")
	return err
}

func main() {
	require(programMain() == 6, "program")
	goroutines()
	waitGroup()
	maxprocs()
	require(guarded(4) == "3" && guarded(0) == "recovered: zero", "panic")
	deferred()
	channels()
	numbers := make(chan int)
	go countTo(3, numbers)
	require(total(numbers) == 6, "direction")
	selects()
	times()
	sharedState()
	contexts()
	if err := errors.Join(network(), outside()); err != nil {
		panic(err)
	}
	fmt.Println("all right")
}
