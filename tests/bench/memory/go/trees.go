// binary-trees on Go's heap: `trees DEPTH`. Nanoseconds of processor time for each node.
package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

type tree struct{ left, right *tree }

func grow(depth int) *tree {
	t := &tree{}
	if depth > 0 {
		t.left, t.right = grow(depth-1), grow(depth-1)
	}
	return t
}

func (t *tree) count() int {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	depth, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(2)
	}
	begun := cpu()
	nodes := grow(depth + 1).count()
	kept := grow(depth)
	for of := 4; of <= depth; of += 4 {
		for i := 0; i < 1<<(depth-of+4); i++ {
			nodes += grow(of).count()
		}
	}
	nodes += kept.count()
	fmt.Printf("%.3f\n", (cpu()-begun)/float64(nodes))
}
