package main

import (
	"io"
	"net"
	"time"
)

func init() {
	// 64 connections on loopback, each sending 64 bytes and waiting for their echo; per request.
	workloads["echo64"] = func(n int, r *run) {
		const connections = 64
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		defer listener.Close()
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				go echo(connection)
			}
		}()
		clients := make([]net.Conn, connections)
		for i := range clients {
			clients[i], err = net.Dial("tcp", listener.Addr().String())
			check(err)
			defer clients[i].Close()
		}
		latency := make([]time.Duration, n/connections*connections)
		r.start()
		each(connections, func(k int) {
			var buffer [64]byte
			for i := range n / connections {
				start := time.Now()
				_, err := clients[k].Write(buffer[:])
				check(err)
				_, err = io.ReadFull(clients[k], buffer[:])
				check(err)
				latency[k*(n/connections)+i] = time.Since(start)
			}
		})
		r.stop()
		r.setPercentiles("latency", latency)
	}
}

func echo(connection net.Conn) {
	var buffer [64]byte
	for {
		if _, err := io.ReadFull(connection, buffer[:]); err != nil {
			connection.Close()
			return
		}
		if _, err := connection.Write(buffer[:]); err != nil {
			return
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
