// Keeps 8 MiB in keepRecords and writes Go's own heap profile, every allocation recorded, to the file given.
package main

import (
	"log"
	"os"
	"runtime"
	"runtime/pprof"
)

var records [][]byte

//go:noinline
func keepRecords(count int) {
	for i := 0; i < count; i++ {
		records = append(records, make([]byte, 8192))
	}
}

//go:noinline
func throwAway(count int) (sum int) {
	for i := 0; i < count; i++ {
		page := make([]byte, 4096+i%2)
		sum += len(page)
	}
	return sum
}

func main() {
	runtime.MemProfileRate = 1
	keepRecords(1024)
	throwAway(1000)
	runtime.GC() // the profile is of the last collection
	file, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := pprof.WriteHeapProfile(file); err != nil {
		log.Fatal(err)
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
	runtime.KeepAlive(records)
}
