package mesh

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// ParseHey reads the arguments of hey, the load generator, as sent from a pod or,
// with the zero name, from outside:
//
//	-z 10m -q 5 -c 2 http://mock-server:8080/     two workers, 5 requests a second each
//
// As with hey, there are 50 workers and 200 requests unless told otherwise, a
// duration makes the number of requests not count, and -q 0 means no limit. Flags that change nothing
// here (-t, -o, -cpus, -disable-...) are taken and ignored.
func ParseHey(args []string, from types.NamespacedName) (Source, error) {
	s := Source{Workers: 50, Requests: 200, Request: Request{Client: from, Header: http.Header{}}}
	err := parseFlags("hey", args, &s, &s.Request, heyFlags)
	if err != nil {
		return Source{}, err
	}
	switch {
	case s.Duration > 0:
		s.Requests = 0
	case s.Requests < int64(s.Workers):
		return Source{}, fmt.Errorf("hey: -n %d cannot be less than -c %d", s.Requests, s.Workers)
	}
	return s, nil
}

var heyFlags = map[string]flag[Source]{
	"-n":    {value: func(s *Source, v string) error { return number(v, &s.Requests) }},
	"-c":    {value: func(s *Source, v string) error { return workers(v, &s.Workers) }},
	"-q":    {value: func(s *Source, v string) error { return notNegative(v, &s.WorkerRate) }},
	"-z":    {value: func(s *Source, v string) error { return duration(v, &s.Duration) }},
	"-m":    {value: func(s *Source, v string) error { s.Request.Method = v; return nil }},
	"-H":    {value: func(s *Source, v string) error { return header(v, s.Request.Header) }},
	"-U":    {value: func(s *Source, v string) error { s.Request.Header.Set("User-Agent", v); return nil }},
	"-host": {value: func(s *Source, v string) error { s.Request.Header.Set("Host", v); return nil }},
	"-d":    ignored[Source](), "-D": ignored[Source](), "-T": ignored[Source](), "-A": ignored[Source](), "-t": ignored[Source](),
	"-o": ignored[Source](), "-cpus": ignored[Source](), "-a": ignored[Source](),
	"-h2": {}, "-disable-compression": {}, "-disable-keepalive": {}, "-disable-redirects": {},
}

// ParseCurl reads the arguments of curl, for one request. Flags about its output
// are taken and ignored, and so are limits of time, since nobody waits for an answer
// here. Letters may share a hyphen, see [CurlWords].
func ParseCurl(args []string, from types.NamespacedName) (Request, error) {
	l := curlLine{Request: Request{Client: from, Header: http.Header{}}}
	if err := parseFlags("curl", CurlWords(args), &l, &l.Request, curlFlags); err != nil {
		return l.Request, err
	}
	switch {
	case len(l.data) == 0:
	case l.get:
		mark := "?"
		if strings.Contains(l.URL, "?") {
			mark = "&"
		}
		l.URL += mark + strings.Join(l.data, "&")
	case l.Method == "":
		l.Method = http.MethodPost
	}
	return l.Request, nil
}

// curlLine is what a command line of curl asks for.
type curlLine struct {
	Request
	data []string // of -d
	get  bool     // the data go into the URL
}

// target notes the URL that a flag gives.
func (l *curlLine) target(url string) error {
	if l.URL != "" {
		return fmt.Errorf("there is the URL %q already: one is enough", l.URL)
	}
	l.URL = url
	return nil
}

// cookie notes cookies; a value without = is a file of them, which nobody has.
func (l *curlLine) cookie(value string) error {
	if !strings.Contains(value, "=") {
		return errors.New("write the cookies themselves: name=value")
	}
	l.Header.Add("Cookie", value)
	return nil
}

var curlFlags = curlFlagTable()

func curlFlagTable() map[string]flag[curlLine] {
	method := flag[curlLine]{value: func(l *curlLine, v string) error { l.Method = v; return nil }}
	head := flag[curlLine]{set: func(l *curlLine) { l.Method = http.MethodHead }}
	line := flag[curlLine]{value: func(l *curlLine, v string) error { return header(v, l.Header) }}
	data := flag[curlLine]{value: func(l *curlLine, v string) error { l.data = append(l.data, v); return nil }}
	get := flag[curlLine]{set: func(l *curlLine) { l.get = true }}
	cookie, target := flag[curlLine]{value: (*curlLine).cookie}, flag[curlLine]{value: (*curlLine).target}
	value := ignored[curlLine]()
	return map[string]flag[curlLine]{
		"-I": head, "--head": head, "-X": method, "--request": method, "-H": line, "--header": line,
		"-d": data, "--data": data, "--data-raw": data, "-G": get, "--get": get, "-b": cookie, "--cookie": cookie, "--url": target,
		"-m": value, "--max-time": value, "--connect-timeout": value, "--resolve": value, "-o": value, "--output": value,
		"-w": value, "--write-out": value, "-A": value, "--user-agent": value, "--retry": value, "-u": value, "--user": value,
		"-s": {}, "--silent": {}, "-S": {}, "--show-error": {}, "-k": {}, "--insecure": {}, "-i": {}, "--include": {}, "-v": {}, "-f": {}, "--fail": {}, "-L": {}, "--location": {},
	}
}

// curlValues are the letters of curl that a value follows.
const curlValues = "XHdbmowAu"

// CurlWords takes letters apart that share a hyphen, as curl does:
//
//	-sSf          -s -S -f
//	-so /dev/null -s -o /dev/null
//	-XPOST        -X POST
func CurlWords(args []string) (words []string) {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if len(word) < 2 || word[0] != '-' || word[1] == '-' || strings.HasPrefix(word[2:], "=") {
			words = append(words, word)
			continue
		}
		for at, letter := range word[1:] {
			words = append(words, "-"+string(letter))
			if !strings.ContainsRune(curlValues, letter) {
				continue
			}
			if rest := word[1+at+1:]; rest != "" {
				words = append(words, rest)
			} else if i++; i < len(args) {
				words = append(words, args[i])
			}
			break
		}
	}
	return words
}

// flag is one flag of a command line that says something about a T. value is nil if it
// takes none; then set, if there is one, notes that it was given.
type flag[T any] struct {
	value func(*T, string) error
	set   func(*T)
}

// ignored is a flag whose value changes nothing here.
func ignored[T any]() flag[T] { return flag[T]{value: func(*T, string) error { return nil }} }

// parseFlags reads flags, in any order with the URL of the request r. A value may also
// follow an equals sign: -z=10s.
func parseFlags[T any](command string, args []string, about *T, r *Request, flags map[string]flag[T]) error {
	for i := 0; i < len(args); i++ {
		name, value, joined := args[i], "", false
		if strings.HasPrefix(name, "-") {
			name, value, joined = strings.Cut(name, "=")
		}
		f, known := flags[name]
		switch {
		case !strings.HasPrefix(name, "-") && r.URL == "":
			r.URL = name
			continue
		case !strings.HasPrefix(name, "-"):
			return fmt.Errorf("%s: %q after the URL %q: one URL is enough", command, name, r.URL)
		case !known:
			return fmt.Errorf("%s: flag %s is not known here", command, name)
		case f.value == nil && joined:
			return fmt.Errorf("%s: flag %s takes no value", command, name)
		case f.value == nil:
			if f.set != nil {
				f.set(about)
			}
			continue
		}
		if !joined {
			if i++; i == len(args) {
				return fmt.Errorf("%s: flag %s needs a value", command, name)
			}
			value = args[i]
		}
		if err := f.value(about, value); err != nil {
			return fmt.Errorf("%s: %s %s: %w", command, name, value, err)
		}
	}
	if r.URL == "" {
		return fmt.Errorf("%s: no URL", command)
	}
	return nil
}

func number(text string, to *int64) (err error) {
	if *to, err = strconv.ParseInt(text, 10, 64); err != nil {
		return errors.New("it must be a whole number")
	}
	if *to < 1 {
		return errors.New("it must be at least 1")
	}
	return nil
}

// mostWorkers keeps what all workers send in a second a number that can be counted.
const mostWorkers = 1_000_000

func workers(text string, to *int) error {
	var n int64
	err := number(text, &n)
	if err == nil && n > mostWorkers {
		err = fmt.Errorf("it must be at most %d", mostWorkers)
	}
	*to = int(n)
	return err
}

func notNegative(text string, to *float64) (err error) {
	if *to, err = strconv.ParseFloat(text, 64); err != nil || math.IsInf(*to, 0) {
		return errors.New("it must be a number")
	}
	if !(*to >= 0) {
		return errors.New("it must not be below 0")
	}
	return nil
}

func duration(text string, to *time.Duration) (err error) {
	if *to, err = time.ParseDuration(text); err == nil && *to <= 0 {
		err = fmt.Errorf("it must be above 0")
	}
	return err
}

func header(text string, to http.Header) error {
	name, value, ok := strings.Cut(text, ":")
	if !ok || strings.TrimSpace(name) == "" {
		return fmt.Errorf("a header is written name: value")
	}
	to.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	return nil
}
