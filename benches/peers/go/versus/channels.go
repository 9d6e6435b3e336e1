// The rows of `versus channels`: each does n operations and says how long that took.
package main

import (
	"log"
	"reflect"
	"sync"
	"time"
)

var channelRows = map[string]func(n int) time.Duration{
	"ping-pong-0":        pingPong(0),
	"ping-pong-1":        pingPong(1),
	"1:1-0":              oneWay(1, 1, 0),
	"1:1-1":              oneWay(1, 1, 1),
	"1:1-128":            oneWay(1, 1, 128),
	"4:4-0":              oneWay(4, 4, 0),
	"4:4-1":              oneWay(4, 4, 1),
	"4:4-128":            oneWay(4, 4, 128),
	"64:1-128":           oneWay(64, 1, 128),
	"select-ready-2":     selectReady(2, selectTwo),
	"select-ready-8":     selectReady(8, selectEight),
	"select-default":     selectDefault,
	"select-blocking-2":  selectBlocking(2, every(selectTwo)),
	"select-blocking-8":  selectBlocking(8, every(selectEight)),
	"select-blocking-64": selectBlocking(64, selectMany),
	"oneshot":            oneshot,
	"request-reply":      requestReply,
}

func pingPong(capacity int) func(n int) time.Duration {
	return func(n int) time.Duration {
		there, back := make(chan int, capacity), make(chan int, capacity)
		start := time.Now()
		go func() {
			for value := range there {
				back <- value
			}
			close(back)
		}()
		for value := range n {
			there <- value
			check(<-back == value)
		}
		close(there)
		<-back
		return time.Since(start)
	}
}

func oneWay(senders, receivers, capacity int) func(n int) time.Duration {
	return func(n int) time.Duration {
		values := make(chan int, capacity)
		counts := make(chan int)
		start := time.Now()
		for range receivers {
			go func() {
				count := 0
				for range values {
					count++
				}
				counts <- count
			}()
		}
		var sent sync.WaitGroup
		sent.Add(senders)
		for range senders {
			go func() {
				for value := range n / senders {
					values <- value
				}
				sent.Done()
			}()
		}
		sent.Wait()
		close(values)
		count := 0
		for range receivers {
			count += <-counts
		}
		check(count == n/senders*senders)
		return time.Since(start)
	}
}

func selectReady(arms int, pick func(channels []chan int) int) func(n int) time.Duration {
	return func(n int) time.Duration {
		channels := makeChannels(arms)
		for _, channel := range channels {
			channel <- 0
		}
		start := time.Now()
		for round := range n {
			channels[pick(channels)] <- round
		}
		return time.Since(start)
	}
}

func selectDefault(n int) time.Duration {
	channels := makeChannels(2)
	a, b := channels[0], channels[1]
	start := time.Now()
	for range n {
		select {
		case <-a:
			check(false)
		case <-b:
			check(false)
		default:
		}
	}
	return time.Since(start)
}

func selectBlocking(arms int, answerAll func(channels []chan int, answers chan int, n int)) func(n int) time.Duration {
	return func(n int) time.Duration {
		channels := makeChannels(arms)
		answers := make(chan int, 1)
		start := time.Now()
		go answerAll(channels, answers, n)
		random := uint64(1)
		for round := range n {
			random ^= random << 13
			random ^= random >> 7
			random ^= random << 17
			arm := int(random % uint64(arms))
			channels[arm] <- round
			check(<-answers == arm)
		}
		return time.Since(start)
	}
}

func every(pick func(channels []chan int) int) func(channels []chan int, answers chan int, n int) {
	return func(channels []chan int, answers chan int, n int) {
		for range n {
			answers <- pick(channels)
		}
	}
}

func selectTwo(channels []chan int) int {
	select {
	case <-channels[0]:
		return 0
	case <-channels[1]:
		return 1
	}
}

func selectEight(channels []chan int) int {
	select {
	case <-channels[0]:
		return 0
	case <-channels[1]:
		return 1
	case <-channels[2]:
		return 2
	case <-channels[3]:
		return 3
	case <-channels[4]:
		return 4
	case <-channels[5]:
		return 5
	case <-channels[6]:
		return 6
	case <-channels[7]:
		return 7
	}
}

func selectMany(channels []chan int, answers chan int, n int) {
	arms := make([]reflect.SelectCase, len(channels))
	for i, channel := range channels {
		arms[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(channel)}
	}
	for range n {
		arm, _, _ := reflect.Select(arms)
		answers <- arm
	}
}

// Go has no oneshot: this is what stands in its place.
func oneshot(n int) time.Duration {
	start := time.Now()
	for value := range n {
		reply := make(chan int, 1)
		reply <- value
		check(<-reply == value)
	}
	return time.Since(start)
}

type request struct {
	value int
	reply chan int
}

func requestReply(n int) time.Duration {
	requests := make(chan request, 16)
	start := time.Now()
	go func() {
		for request := range requests {
			request.reply <- request.value
		}
	}()
	for value := range n {
		reply := make(chan int, 1)
		requests <- request{value, reply}
		check(<-reply == value)
	}
	close(requests)
	return time.Since(start)
}

func makeChannels(count int) []chan int {
	channels := make([]chan int, count)
	for i := range channels {
		channels[i] = make(chan int, 1)
	}
	return channels
}

func check(right bool) {
	if !right {
		log.Fatal("a wrong value")
	}
}
