#include <stdio.h>

static long long smallest(long long n, long long i)
{
    char room[256];
    snprintf(room, sizeof(room), "%lld", i);
    long long found = n % i == 0 ? i : i * i > n ? n : smallest(n, i + 1);
    return found > 1 && room[0] ? found : 1;
}

int main(void)
{
    long long n;
    scanf("%lld", &n);
    long long i = smallest(n, 2);
    if (i == n)
        puts("prime");
    else
        printf("%lld %lld\n", i, n / i);
}
