package main

import (
	"context"
	"sync"
	"time"
)

func init() {
	workloads["chan_solo"] = func(n int, r *run) {
		channel := make(chan int, 1)
		for i := range n {
			channel <- i
			<-channel
		}
	}
	workloads["chan_pingpong"] = func(n int, r *run) {
		ping, pong := make(chan int), make(chan int)
		go func() {
			for value := range ping {
				pong <- value
			}
			close(pong)
		}()
		for i := range n {
			ping <- i
			<-pong
		}
		close(ping)
		<-pong
	}
	workloads["chan_unbuf"] = func(n int, r *run) { stream(n, 0) }
	workloads["chan_buf128"] = func(n int, r *run) { stream(n, 128) }
	workloads["chan_mpmc"] = func(n int, r *run) {
		channel := make(chan int, 64)
		var producers, consumers sync.WaitGroup
		producers.Add(8)
		consumers.Add(8)
		for range 8 {
			go func() {
				for value := range n / 8 {
					channel <- value
				}
				producers.Done()
			}()
			go func() {
				for range channel {
				}
				consumers.Done()
			}()
		}
		producers.Wait()
		close(channel)
		consumers.Wait()
	}
	workloads["pipeline"] = func(n int, r *run) {
		first := make(chan int)
		in := first
		for range n {
			out := make(chan int)
			go func(in, out chan int) {
				for value := range in {
					out <- value + 1
				}
				close(out)
			}(in, out)
			in = out
		}
		go func() {
			for i := range n {
				first <- i
			}
			close(first)
		}()
		for range in {
		}
		r.operations = n * n
	}
	workloads["sieve"] = sieve
	workloads["select2"] = func(n int, r *run) {
		c := feeders(2, n)
		for range n {
			select {
			case <-c[0]:
			case <-c[1]:
			}
		}
	}
	workloads["select8"] = func(n int, r *run) {
		c := feeders(8, n)
		for range n {
			select {
			case <-c[0]:
			case <-c[1]:
			case <-c[2]:
			case <-c[3]:
			case <-c[4]:
			case <-c[5]:
			case <-c[6]:
			case <-c[7]:
			}
		}
	}
	workloads["select_default"] = func(n int, r *run) {
		a, b := make(chan int), make(chan int)
		for range n {
			select {
			case <-a:
			case <-b:
			default:
			}
		}
	}
	workloads["mutex_solo"] = func(n int, r *run) {
		var mutex sync.Mutex
		for range n {
			mutex.Lock()
			mutex.Unlock()
		}
	}
	workloads["mutex_8"] = func(n int, r *run) {
		var mutex sync.Mutex
		value := 0
		each(8, func(int) {
			for range n / 8 {
				mutex.Lock()
				value++
				mutex.Unlock()
			}
		})
		r.set("value", float64(value))
	}
	workloads["rwmutex_solo"] = func(n int, r *run) {
		var mutex sync.RWMutex
		for range n {
			mutex.RLock()
			mutex.RUnlock()
		}
	}
	workloads["rwmutex_read8"] = func(n int, r *run) {
		var mutex sync.RWMutex
		each(8, func(int) {
			for range n / 8 {
				mutex.RLock()
				mutex.RUnlock()
			}
		})
	}
	workloads["rwmutex_mix8"] = func(n int, r *run) {
		var mutex sync.RWMutex
		value := 0
		each(8, func(int) {
			for i := range n / 8 {
				if i%10 == 0 {
					mutex.Lock()
					value++
					mutex.Unlock()
				} else {
					mutex.RLock()
					mutex.RUnlock()
				}
			}
		})
		r.set("value", float64(value))
	}
	workloads["ctx_cancel"] = func(n int, r *run) {
		root, stop := context.WithCancel(context.Background())
		defer stop()
		for range n {
			_, cancel := context.WithCancel(root)
			cancel()
		}
	}
	workloads["ctx_timeout"] = func(n int, r *run) {
		root, stop := context.WithCancel(context.Background())
		defer stop()
		for range n {
			_, cancel := context.WithTimeout(root, time.Hour)
			cancel()
		}
	}
}

func stream(values, capacity int) {
	channel := make(chan int, capacity)
	go func() {
		for i := range values {
			channel <- i
		}
		close(channel)
	}()
	for range channel {
	}
}

// feeders makes channels into which n values in all are sent, a goroutine for each.
func feeders(channels, n int) []chan int {
	all := make([]chan int, channels)
	for i := range all {
		all[i] = make(chan int)
		go func() {
			for value := range n / channels {
				all[i] <- value
			}
		}()
	}
	return all
}

// sieve finds the first n primes with a chain of filters; only finding them is timed.
func sieve(n int, r *run) {
	numbers := make(chan int)
	stop := make(chan struct{})
	go func() {
		defer close(numbers)
		for i := 2; ; i++ {
			select {
			case numbers <- i:
			case <-stop:
				return
			}
		}
	}()
	r.start()
	in, last := numbers, 0
	for range n {
		last = <-in
		out := make(chan int)
		go func(in, out chan int, prime int) {
			for value := range in {
				if value%prime != 0 {
					out <- value
				}
			}
			close(out)
		}(in, out, last)
		in = out
	}
	r.stop()
	r.set("value", float64(last))
	close(stop)
	for range in {
	}
}
