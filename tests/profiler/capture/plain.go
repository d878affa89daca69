// A Go program without libc.
package main

func main() { println("go") }
