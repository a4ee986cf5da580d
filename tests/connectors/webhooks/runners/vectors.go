// Runs docs/receivers/receiver.go over vectors: a line each of now, secrets, id, time, signature, body ("-": no header).
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// init runs before the receiver's own main, and instead of it.
func init() {
	if len(os.Args) < 2 || os.Args[1] != "vectors" {
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		now, _ := strconv.ParseInt(fields[0], 10, 64)
		var keys []Key
		for _, secret := range strings.Fields(fields[1]) {
			key, err := ReadSecret(secret)
			if err != nil {
				panic(err)
			}
			keys = append(keys, key)
		}
		header := http.Header{}
		for index, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			if fields[2+index] != "-" {
				header.Set(name, string(decoded(fields[2+index])))
			}
		}
		verdict := Refusal(decoded(fields[5]), header, keys, now)
		if verdict == "" {
			verdict = "accepted"
		}
		fmt.Println(verdict)
	}
	os.Exit(0)
}

func decoded(field string) []byte {
	raw, err := base64.StdEncoding.DecodeString(field)
	if err != nil {
		panic(err)
	}
	return raw
}
