// A contender: net/http of Go's standard library, nothing else.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

type message struct {
	Message string `json:"message"`
}

var hello = []byte("Hello, World!")

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "the address to listen on")
	cores := flag.Int("cores", 1, "GOMAXPROCS")
	echo := flag.Bool("echo", false, "send back what comes, without HTTP")
	flag.Parse()
	runtime.GOMAXPROCS(*cores)

	http.HandleFunc("GET /plaintext", func(w http.ResponseWriter, r *http.Request) {
		head(w, "text/plain")
		w.Write(hello)
	})
	http.HandleFunc("GET /json", func(w http.ResponseWriter, r *http.Request) {
		body, err := json.Marshal(message{"Hello, World!"})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		head(w, "application/json")
		w.Write(body)
	})
	http.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		head(w, "application/octet-stream")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body)
	})

	http.HandleFunc("GET /burn/{n}", paused(time.Microsecond, func(d time.Duration) {
		for start := time.Now(); time.Since(start) < d; {
		}
	}))
	http.HandleFunc("GET /block/{n}", paused(time.Millisecond, block))

	// Go sets TCP_NODELAY on every accepted socket by itself.
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	if *echo {
		log.Fatal(sendBack(listener))
	}
	log.Fatal(http.Serve(listener, nil))
}

func sendBack(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			buffer := make([]byte, 64*1024)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				if _, err := conn.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// The longest pause, the same for every contender.
const longest = 10 * time.Second

func paused(unit time.Duration, pause func(time.Duration)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseUint(r.PathValue("n"), 10, 32)
		if err != nil {
			http.Error(w, "not a number", http.StatusBadRequest)
			return
		}
		pause(min(time.Duration(n)*unit, longest))
		head(w, "text/plain")
		io.WriteString(w, "done\n")
	}
}

// Blocks the thread in the kernel: time.Sleep would only park the goroutine, which is no bad neighbour.
func block(d time.Duration) {
	end := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(end) {
		request := syscall.NsecToTimespec(left.Nanoseconds())
		// A signal may end it early; the loop goes on for what is left.
		_ = syscall.Nanosleep(&request, nil)
	}
}

func head(w http.ResponseWriter, kind string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Server", "go")
}
