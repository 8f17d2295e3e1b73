package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func init() {
	workloads["yield"] = func(n int, r *run) { yieldAmong(n, 2) }
	workloads["yield1000"] = func(n int, r *run) { yieldAmong(n, 1000) }
	workloads["spawn_join"] = func(n int, r *run) { spawnJoin(n) }
	workloads["spawn_join_10k"] = func(n int, r *run) {
		for i := 0; i < n; i += 10_000 {
			spawnJoin(10_000)
		}
	}
	workloads["spawn_seq"] = func(n int, r *run) {
		var one sync.WaitGroup
		for range n {
			one.Add(1)
			go one.Done()
			one.Wait()
		}
	}
	workloads["fib27"] = func(n int, r *run) {
		r.set("value", float64(fib(n)))
		r.operations = forks(n)
	}
	workloads["skynet1M"] = func(n int, r *run) {
		result := make(chan int, 1)
		skynet(result, 0, n)
		r.set("value", float64(<-result))
		r.operations = n * 10 / 9
	}
	workloads["daisy"] = func(n int, r *run) {
		first := make(chan int)
		in := first
		for range n {
			out := make(chan int)
			go func(in, out chan int) { out <- 1 + <-in }(in, out)
			in = out
		}
		first <- 0
		if <-in != n {
			panic("a task of the chain is missing")
		}
	}
	workloads["parked"] = parked
	workloads["timer_sleep"] = func(n int, r *run) {
		late := make([]time.Duration, n)
		before := ownCPU()
		each(n, func(i int) {
			duration := 100*time.Millisecond + time.Duration(i%1000)*100*time.Microsecond
			start := time.Now()
			time.Sleep(duration)
			late[i] = time.Since(start) - duration
		})
		r.set("cpu_ns", (ownCPU()-before)*1e9/float64(n))
		r.setPercentiles("late", late)
	}
	workloads["timer_idle"] = timerIdle
	workloads["timer_hog"] = func(n int, r *run) {
		var over atomic.Bool
		var hogs sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			hogs.Add(1)
			go func() {
				defer hogs.Done()
				for !over.Load() {
				}
			}()
		}
		timerIdle(n, r)
		over.Store(true)
		hogs.Wait()
	}
	workloads["timer_churn"] = func(n int, r *run) {
		for range n {
			time.AfterFunc(time.Hour, func() {}).Stop()
		}
	}
	workloads["timer_reset"] = func(n int, r *run) {
		timer := time.NewTimer(time.Hour)
		for i := range n {
			timer.Reset(time.Hour + time.Duration(i))
		}
		timer.Stop()
	}
	workloads["timers_1M"] = timersMillion
	workloads["syscall"] = func(n int, r *run) {
		for range n {
			syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
	}
	workloads["rawsyscall"] = func(n int, r *run) {
		for range n {
			syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
	}
}

func spawnJoin(tasks int) {
	var all sync.WaitGroup
	all.Add(tasks)
	for range tasks {
		go all.Done()
	}
	all.Wait()
}

func yieldAmong(yields, tasks int) {
	each(tasks, func(int) {
		for range yields / tasks {
			runtime.Gosched()
		}
	})
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	var fork sync.WaitGroup
	var one int
	fork.Add(1)
	go func() {
		one = fib(n - 1)
		fork.Done()
	}()
	two := fib(n - 2)
	fork.Wait()
	return one + two
}

func forks(n int) int {
	if n < 2 {
		return 0
	}
	return 1 + forks(n-1) + forks(n-2)
}

func skynet(up chan int, number, size int) {
	if size == 1 {
		up <- number
		return
	}
	children := make(chan int)
	for i := range 10 {
		go skynet(children, number+i*(size/10), size/10)
	}
	sum := 0
	for range 10 {
		sum += <-children
	}
	up <- sum
}

// Of the first repetition: the others take again what it has given back.
var residentBefore = sync.OnceValue(residentBytes)

func parked(tasks int, r *run) {
	before := residentBefore()
	gate := make(chan bool)
	var up, down sync.WaitGroup
	up.Add(tasks)
	down.Add(tasks)
	r.start()
	for range tasks {
		go func() {
			up.Done()
			<-gate
			down.Done()
		}()
	}
	up.Wait()
	r.stop()
	time.Sleep(20 * time.Millisecond)
	r.set("bytes_per_task", (residentBytes()-before)/float64(tasks))
	woken := time.Now()
	close(gate)
	down.Wait()
	r.set("wake_ns", float64(time.Since(woken).Nanoseconds())/float64(tasks))
}

func timerIdle(n int, r *run) {
	late := make([]time.Duration, 8*n)
	each(8, func(task int) {
		for i := range n {
			start := time.Now()
			time.Sleep(time.Millisecond)
			late[task*n+i] = time.Since(start) - time.Millisecond
		}
	})
	r.operations = 8 * n
	r.setPercentiles("late", late)
}

// timersMillion has them all pending at once: makes, stops and fires them.
func timersMillion(n int, r *run) {
	before := residentBefore()
	eachNs := func(since time.Time) float64 {
		return float64(time.Since(since).Nanoseconds()) / float64(n)
	}
	all := make([]*time.Timer, 0, n)
	var fired sync.WaitGroup
	fired.Add(n)
	r.start()
	since := time.Now()
	for i := range n {
		all = append(all, time.AfterFunc(time.Hour+time.Duration(i*7919%n), fired.Done))
	}
	r.set("make_ns", eachNs(since))
	r.stop()
	r.set("bytes_per_timer", (residentBytes()-before)/float64(n))
	r.start()
	since = time.Now()
	for _, timer := range all {
		timer.Stop()
	}
	r.set("stop_ns", eachNs(since))
	since = time.Now()
	for _, timer := range all {
		timer.Reset(0)
	}
	fired.Wait()
	r.set("fire_ns", eachNs(since))
	r.stop()
}
