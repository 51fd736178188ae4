/* Uses no CPU time at all. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    puts("let me think");
    fflush(stdout);
    sleep(3600);
}
