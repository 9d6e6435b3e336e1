// Go's counterpart of versus: one row of its table, or burners beside an echo server.
//
//	versus -row yield-one -procs 2 -operations 100000    prints nanoseconds per operation, on the wall and of CPUs
//	versus -burners 64 -procs 1                          prints its address, then the number of
//	                                                     burns whenever a connection has ended
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Each does n operations and says how long that took.
var rows = map[string]func(n int) time.Duration{
	"spawn+join":       spawnAndJoin,
	"spawn-1000":       spawnBatch,
	"yield-one":        yieldOne,
	"yield-1000":       yieldMany,
	"wake-same-core":   wakeSameCore,
	"wake-by-a-burner": wakeByABurner,
	"timer-set+cancel": timerSetAndCancel,
	"tasks-of-50us":    tasksOf50Micros,
}

func main() {
	row := flag.String("row", "", "what to measure")
	operations := flag.Int("operations", 100000, "how often")
	burners := flag.Int("burners", 0, "goroutines that burn beside an echo server")
	procs := flag.Int("procs", 1, "GOMAXPROCS")
	flag.Parse()
	runtime.GOMAXPROCS(*procs)
	if *burners > 0 {
		log.Fatal(burnAndEcho(*burners))
	}
	run := rows[*row]
	if run == nil {
		run = channelRows[*row]
	}
	if run == nil {
		log.Fatalf("%q: no such row", *row)
	}
	// The first grows stacks and the heap.
	run(*operations / 10)
	before := cpuTime()
	elapsed := run(*operations)
	each := func(time time.Duration) float64 { return float64(time.Nanoseconds()) / float64(*operations) }
	fmt.Println(each(elapsed), each(cpuTime()-before))
}

// What the process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func burn(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

func spawnAndJoin(n int) time.Duration {
	done := make(chan struct{})
	start := time.Now()
	for range n {
		go func() { done <- struct{}{} }()
		<-done
	}
	return time.Since(start)
}

func spawnBatch(n int) time.Duration {
	start := time.Now()
	for range n / 1000 {
		var all sync.WaitGroup
		all.Add(1000)
		for range 1000 {
			go all.Done()
		}
		all.Wait()
	}
	return time.Since(start)
}

func yieldOne(n int) time.Duration {
	start := time.Now()
	for range n {
		runtime.Gosched()
	}
	return time.Since(start)
}

func yieldMany(n int) time.Duration {
	start := time.Now()
	var all sync.WaitGroup
	all.Add(1000)
	for range 1000 {
		go func() {
			for range n / 1000 {
				runtime.Gosched()
			}
			all.Done()
		}()
	}
	all.Wait()
	return time.Since(start)
}

func wakeSameCore(n int) time.Duration {
	there, back := make(chan struct{}), make(chan struct{})
	start := time.Now()
	go func() {
		for range n / 2 {
			<-there
			back <- struct{}{}
		}
	}()
	for range n / 2 {
		there <- struct{}{}
		<-back
	}
	return time.Since(start)
}

func wakeByABurner(n int) time.Duration {
	asked, answered := make(chan time.Time, 1), make(chan struct{}, 1)
	sum := make(chan time.Duration)
	go func() {
		var waited time.Duration
		for range n {
			waited += time.Since(<-asked)
			answered <- struct{}{}
		}
		sum <- waited
	}()
	for range n {
		asked <- time.Now()
		burn(100 * time.Microsecond)
		<-answered
	}
	return <-sum
}

func timerSetAndCancel(n int) time.Duration {
	others := make([]*time.Timer, 100000)
	for i := range others {
		others[i] = time.AfterFunc(time.Hour+time.Duration(i)*time.Second, func() {})
	}
	start := time.Now()
	for i := range n {
		// A timer of Go 1.23 is in the heap only while somebody waits on its channel: AfterFunc's always is.
		timer := time.AfterFunc(time.Duration(10+i%7)*time.Second, func() {})
		timer.Stop()
		if i%100 == 0 {
			runtime.Gosched()
		}
	}
	elapsed := time.Since(start)
	for _, other := range others {
		other.Stop()
	}
	return elapsed
}

func tasksOf50Micros(n int) time.Duration {
	start := time.Now()
	var all sync.WaitGroup
	all.Add(n)
	for range n {
		go func() {
			burn(50 * time.Microsecond)
			all.Done()
		}()
	}
	all.Wait()
	return time.Since(start)
}

func burnAndEcho(burners int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	var burns atomic.Uint64
	for range burners {
		go func() {
			for {
				burn(100 * time.Microsecond)
				burns.Add(1)
				runtime.Gosched()
			}
		}()
	}
	for {
		stream, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			message := make([]byte, 64)
			for {
				if _, err := io.ReadFull(stream, message); err != nil {
					break
				}
				if _, err := stream.Write(message); err != nil {
					break
				}
			}
			stream.Close()
			fmt.Println(burns.Load())
		}()
	}
}
